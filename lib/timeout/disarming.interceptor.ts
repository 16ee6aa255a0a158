import { Logger } from '@nestjs/common';
import { messageOf } from '../kafka-socket.error.js';
import { SparingLog } from './sparing.log.js';
import type { TimeoutScheduler } from './timeout.scheduler.js';

/** The way out: the result goes into the log, and then the time-out is taken back. */
export class DisarmingInterceptor {
  private readonly log = new SparingLog(new Logger('Timeouts'));

  constructor(private readonly scheduler: Pick<TimeoutScheduler, 'disarm'>) {}

  /**
   * Publishes, then disarms; in this order, and never side by side. A crash before the result is in the log leaves the
   * time-out armed, so the request ends all the same; a crash after it leaves a time-out that comes second, and readers drop
   * it. The other way round a crash in between would leave a request with nothing.
   *
   * Nobody waits for the disarming, because nothing depends on it: the key's next command would only start later.
   * @param timeoutId crumb `timeout`; undefined for a command that nothing was armed for
   * @returns what `publishResult` resolves with
   * @throws what `publishResult` rejects with; the time-out stays armed
   */
  async run<T>(timeoutId: string | undefined, publishResult: () => Promise<T>): Promise<T> {
    const result = await publishResult();
    if (timeoutId !== undefined) void this.disarm(timeoutId); // Never rejects; bounded, and awaited by the scheduler's stop.
    return result;
  }

  private async disarm(id: string): Promise<void> {
    try {
      await this.scheduler.disarm(id);
    } catch (error) {
      this.log.warn(`A time-out was not disarmed; it will come after the result and be dropped. ${messageOf(error)}`);
    }
  }
}
