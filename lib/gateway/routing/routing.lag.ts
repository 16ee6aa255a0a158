import type { MessageLog } from '../../log/message.log.js';
import { within } from '../../timeout/bounded.wait.js';
import type { RecordRouter } from './record.router.js';

/** How long whoever asks waits for the log, in milliseconds. */
const LIMIT = 1_000;

/** How far the routing is behind the log. Asked of the log itself: a reader that stands still learns of no new records. */
export class RoutingLag {
  constructor(
    private readonly log: MessageLog,
    private readonly router: RecordRouter,
    private readonly topics: readonly string[],
  ) {}

  /** Records that are not routed yet, by topic. Topics of which the log tells nothing in time are left out. */
  async byTopic(): Promise<ReadonlyMap<string, number>> {
    const lags = new Map<string, number>();
    await Promise.allSettled(this.topics.map(async (topic) => void lags.set(topic, await this.of(topic))));
    return lags;
  }

  private async of(topic: string): Promise<number> {
    const late = (): Error => new Error('The log does not answer.');
    let lag = 0n;
    for (const { partition, start, end } of await within(this.log.offsets(topic), LIMIT, late)) {
      const next = this.router.next(topic, partition) ?? start;
      if (end > next) lag += end - next;
    }
    return Number(lag);
  }
}
