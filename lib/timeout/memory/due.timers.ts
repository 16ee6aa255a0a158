import { Logger } from '@nestjs/common';
import { messageOf } from '../../kafka-socket.error.js';
import { within } from '../bounded.wait.js';
import { retryDelay } from '../retry.delay.js';
import { SparingLog } from '../sparing.log.js';
import type { OnDue, Waiting } from '../waiting.js';

/** Node fires a longer delay at once. */
const LONGEST_DELAY = 2 ** 31 - 1;
/** How long a stop waits for what is being published, in milliseconds. */
const STOP_LIMIT = 5_000;

interface Armed<W> {
  readonly waiting: W;
  timer?: NodeJS.Timeout;
  failures: number;
  /** Whether it was tried to publish it: a try that failed may have reached the log all the same. */
  woken?: boolean;
}

/**
 * Records that wait in the process, and are published when they are due, as often as it takes.
 *
 * One Node timer each: Node keeps those of equal duration in one linked list and wakes once for a list, and clearing one
 * frees it at once. A heap of our own under a single timer would have to keep what was disarmed until its turn came, and
 * nearly all are disarmed.
 */
export class DueTimers<W extends Waiting> {
  private readonly log = new SparingLog(new Logger('Timeouts'));
  private readonly armed = new Map<string, Armed<W>>();
  private readonly running = new Set<Promise<void>>();

  /** @param what one of them is called, for people */
  constructor(
    private readonly what: string,
    private readonly now: () => number,
    private readonly onDue: OnDue<W>,
  ) {}

  get size(): number {
    return this.armed.size;
  }

  has(id: string): boolean {
    return this.armed.has(id);
  }

  arm(waiting: W): void {
    const armed: Armed<W> = { waiting, failures: 0 };
    this.armed.set(waiting.id, armed);
    this.sleep(armed, waiting.deadline - this.now());
  }

  /** @returns whether it certainly never comes */
  disarm(id: string): boolean {
    const armed = this.armed.get(id);
    clearTimeout(armed?.timer);
    this.armed.delete(id);
    return armed !== undefined && !armed.woken;
  }

  /** Forgets what waits, and waits for what is being published, within bounds. */
  async stop(): Promise<void> {
    for (const { timer } of this.armed.values()) clearTimeout(timer);
    this.armed.clear();
    const late = () =>
      new Error(`${this.running.size} ${this.what}s were still being published after ${STOP_LIMIT} ms.`);
    await within(Promise.all(this.running), STOP_LIMIT, late).catch((error) => this.log.warn(messageOf(error)));
  }

  private sleep(armed: Armed<W>, delay: number): void {
    armed.timer = setTimeout(() => this.wake(armed), Math.min(Math.max(delay, 0), LONGEST_DELAY));
  }

  private wake(armed: Armed<W>): void {
    // Too early where the delay was cut, the clock was set back, or Node rounded down.
    const early = armed.waiting.deadline - this.now();
    if (early > 0) return this.sleep(armed, Math.ceil(early));
    armed.woken = true;
    const running = this.publish(armed).finally(() => this.running.delete(running));
    this.running.add(running);
  }

  private async publish(armed: Armed<W>): Promise<void> {
    try {
      await this.onDue(armed.waiting);
      if (this.isArmed(armed)) this.armed.delete(armed.waiting.id);
    } catch (error) {
      if (this.isArmed(armed)) this.tryAgain(armed, error);
    }
  }

  private tryAgain(armed: Armed<W>, error: unknown): void {
    const delay = retryDelay(++armed.failures);
    const { topic, partition } = armed.waiting.record;
    const place = partition === undefined ? topic : `${topic}/${partition}`;
    this.log.warn(
      `A ${this.what} could not be published to ${place} (${messageOf(error)}). Trying again in ${delay} ms.`,
    );
    this.sleep(armed, delay);
  }

  /** Not disarmed meanwhile, by {@link disarm} or {@link stop}. */
  private isArmed(armed: Armed<W>): boolean {
    return this.armed.get(armed.waiting.id) === armed;
  }
}
