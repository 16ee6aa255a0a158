import { Logger } from '@nestjs/common';
import { messageOf } from '../../kafka-socket.error.js';
import { within } from '../bounded.wait.js';
import { retryDelay } from '../retry.delay.js';
import { SparingLog } from '../sparing.log.js';
import { TimeoutsUnavailableError } from '../timeout.errors.js';
import { MemoryTimeoutOptions } from '../timeout.options.js';
import type { OnTimeoutDue, Timeout, TimeoutScheduler } from '../timeout.scheduler.js';

/** Node fires a longer delay at once. */
const LONGEST_DELAY = 2 ** 31 - 1;
/** How long a stop waits for what is being published, in milliseconds. */
const STOP_LIMIT = 5_000;

interface Armed {
  readonly timeout: Timeout;
  timer?: NodeJS.Timeout;
  failures: number;
  /** Whether it was tried to publish it: a try that failed may have reached the log all the same. */
  woken?: boolean;
}

/**
 * Time-outs that wait in the process and are gone with it. It serves where there is no Redis, and is every gateway's backstop
 * where there is one.
 *
 * One Node timer each: Node keeps those of equal duration in one linked list and wakes once for a list, and clearing one
 * frees it at once. A heap of our own under a single timer would have to keep what was disarmed until its turn came, and
 * nearly all are disarmed.
 */
export class MemoryTimeoutScheduler implements TimeoutScheduler {
  readonly hasSharedClock = false;
  private readonly log = new SparingLog(new Logger('Timeouts'));
  private readonly armed = new Map<string, Armed>();
  private readonly running = new Set<Promise<void>>();
  private onDue?: OnTimeoutDue;
  private stopping?: Promise<void>;

  /** @param now milliseconds since the epoch; a gateway's backstop takes the corrected clock of its scheduler */
  constructor(
    private readonly options: MemoryTimeoutOptions = new MemoryTimeoutOptions(),
    readonly now: () => number = Date.now,
  ) {}

  get clockSkew(): number {
    return this.options.clockSkew;
  }

  get trouble(): string | undefined {
    if (this.stopping) return 'The time-outs of this process were stopped.';
    if (!this.onDue) return 'The time-outs of this process were not started yet.';
    if (this.armed.size < this.options.maximum) return undefined;
    return `${this.armed.size} time-outs are armed in this process, the most that the option "timeouts.maximum" allows.`;
  }

  async start(_namespace: string, onDue: OnTimeoutDue): Promise<void> {
    this.onDue = onDue;
  }

  async arm(timeout: Timeout): Promise<void> {
    if (this.armed.has(timeout.id)) return;
    const { trouble } = this;
    if (trouble !== undefined) throw new TimeoutsUnavailableError(trouble, false);
    const armed: Armed = { timeout, failures: 0 };
    this.armed.set(timeout.id, armed);
    this.sleep(armed, timeout.deadline - this.now());
  }

  async disarm(id: string): Promise<boolean> {
    const armed = this.armed.get(id);
    clearTimeout(armed?.timer);
    this.armed.delete(id);
    return armed !== undefined && !armed.woken;
  }

  stop(): Promise<void> {
    this.stopping ??= this.finish();
    return this.stopping;
  }

  private async finish(): Promise<void> {
    for (const { timer } of this.armed.values()) clearTimeout(timer);
    this.armed.clear();
    const late = () => new Error(`${this.running.size} time-outs were still being published after ${STOP_LIMIT} ms.`);
    await within(Promise.all(this.running), STOP_LIMIT, late).catch((error) => this.log.warn(messageOf(error)));
  }

  private sleep(armed: Armed, delay: number): void {
    armed.timer = setTimeout(() => this.wake(armed), Math.min(Math.max(delay, 0), LONGEST_DELAY));
  }

  private wake(armed: Armed): void {
    // Too early where the delay was cut, the clock was set back, or Node rounded down.
    const early = armed.timeout.deadline - this.now();
    if (early > 0) return this.sleep(armed, Math.ceil(early));
    armed.woken = true;
    const running = this.publish(armed).finally(() => this.running.delete(running));
    this.running.add(running);
  }

  private async publish(armed: Armed): Promise<void> {
    try {
      await this.onDue!(armed.timeout);
      if (this.isArmed(armed)) this.armed.delete(armed.timeout.id);
    } catch (error) {
      if (this.isArmed(armed)) this.tryAgain(armed, error);
    }
  }

  private tryAgain(armed: Armed, error: unknown): void {
    const delay = retryDelay(++armed.failures);
    const { topic, partition } = armed.timeout.record;
    this.log.warn(
      `A time-out could not be published to ${topic}/${partition} (${messageOf(error)}). Trying again in ${delay} ms.`,
    );
    this.sleep(armed, delay);
  }

  /** Not disarmed meanwhile, by {@link disarm} or {@link stop}. */
  private isArmed(armed: Armed): boolean {
    return this.armed.get(armed.timeout.id) === armed;
  }
}
