import { setImmediate as turnOver } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { LazyModuleLoader } from '@nestjs/core';
import type { Queue } from 'bull';
import { messageOf } from '../../kafka-socket.error.js';
import { within } from '../bounded.wait.js';
import { TimeoutsUnavailableError } from '../timeout.errors.js';
import type { RedisOptions } from '../timeout.options.js';
import type { Delayed, DelayOptions, Scheduled } from '../delayed.js';
import type { Timeout, TimeoutScheduler } from '../timeout.scheduler.js';
import type { OnDue } from '../waiting.js';
import { DelayedQueue } from './delayed.queue.js';
import { RedisClock } from './redis.clock.js';
import { RedisHealth } from './redis.health.js';
import { applyChanges, type Change, MOST_CHANGES } from './timeout.changes.js';
import { closeQueue, registerQueue } from './timeout.queue.js';
import { type JobKind, TimeoutWorker } from './timeout.worker.js';

/** What a local clock may be off before it is worth a warning, in milliseconds. */
const CLOCK_TOLERANCE = 500;

const TIMEOUTS: JobKind = {
  name: 'time-out',
  otherwise: "others do, and the gateways' own timers hold.",
  lost:
    'The gateway that took the request still holds a timer for it; ' +
    "the job is kept for a day among the queue's failed ones.",
  keepsUnknown: false,
};

const DELAYS: JobKind = {
  name: 'delayed command',
  otherwise: 'others do; where there are none they wait.',
  lost: "It is kept among the queue's failed jobs.",
  keepsUnknown: true,
};

interface Running {
  readonly queue: Queue<Timeout>;
  readonly delays: DelayedQueue;
  readonly health: RedisHealth;
  /** Ends all work, then all connections. */
  readonly stop: () => Promise<void>;
}

/** Time-outs that go to Redis together. */
interface Batch {
  readonly changes: Change[];
  /** What came of each. */
  readonly answers: Promise<readonly number[]>;
}

/**
 * Time-outs and delayed commands that wait in Redis, as delayed jobs of two Bull queues: they survive every process, and any
 * process of the deployment publishes them.
 *
 * All time-outs that are armed and disarmed in one turn of the event loop are one command: that takes a third of the processor time
 * of Bull's add(), and of a system call for each.
 */
export class BullTimeoutScheduler implements TimeoutScheduler {
  readonly reached: Promise<void>;
  private readonly logger = new Logger('Timeouts');
  private readonly clock: RedisClock;
  private readonly pending = new Set<Promise<unknown>>();
  /** Commands that wait for Redis, and time-outs within them. */
  private waiting = 0;
  private batch?: Batch;
  private running?: Running;
  private stopping?: Promise<void>;
  private clockWarned = false;
  private setReached!: () => void;

  /**
   * @param modules Nest's own, injected; the queue is registered when the log's name is known
   * @param localTime milliseconds since the epoch by this machine's clock, which is corrected by Redis's
   */
  constructor(
    private readonly options: RedisOptions,
    private readonly modules: LazyModuleLoader,
    localTime: () => number = Date.now,
  ) {
    this.clock = new RedisClock(localTime);
    this.reached = new Promise((resolve) => (this.setReached = resolve));
  }

  now(): number {
    return this.clock.now();
  }

  get clockSkew(): number {
    return this.clock.skew;
  }

  get hasSharedClock(): boolean {
    return this.clock.isMeasured;
  }

  get trouble(): string | undefined {
    if (this.stopping) return 'The time-outs in Redis were stopped.';
    return this.running ? this.running.health.trouble : 'The time-outs in Redis were not started yet.';
  }

  /** Resolves soon, whether or not Redis is there; where it is not, that is logged, and work begins once it comes. */
  async start(namespace: string, onDue: OnDue): Promise<void> {
    const { options, modules } = this;
    const queue = await registerQueue<Timeout>(modules, options, `timeouts.${namespace}`);
    const delayedQueue = await registerQueue<Delayed>(modules, options, `delayed.${namespace}`);
    const close = () => Promise.all([closeQueue(queue), closeQueue(delayedQueue)]);
    if (this.stopping) return void (await close());
    const delays = new DelayedQueue(delayedQueue, queue.client, () => this.now());
    const worker = new TimeoutWorker(queue, this, onDue, TIMEOUTS);
    // The next one last: while the log is away one of them waits, and none heaps up behind it. A crash in between repeats both,
    // and then the one is the same message and the other is known.
    const onDelayedDue = (delayed: Delayed) => onDue(delayed).then(() => delays.follow(delayed));
    const delayedWorker = new TimeoutWorker(delayedQueue, this, onDelayedDue, DELAYS);
    const health = new RedisHealth({
      client: queue.client,
      place: `${options.host}:${options.port}`,
      ask: () => this.compareClocks(queue),
      onReached: () => {
        worker.begin(options.concurrency);
        whenConnected(delayedQueue, () => delayedWorker.begin(options.concurrency));
        this.setReached();
      },
    });
    const stop = async () => {
      health.stop();
      await Promise.all([worker.stop(), delayedWorker.stop()]);
      await within(Promise.allSettled(this.pending), options.commandTimeout, () => new Error()).catch(() => undefined);
      await close();
    };
    this.running = { queue, delays, health, stop };
    await health.verdict;
  }

  async arm(timeout: Timeout): Promise<void> {
    await this.change(timeout);
  }

  async disarm(id: string): Promise<boolean> {
    return (await this.change(id)) === 1;
  }

  async schedule(delayed: Delayed, options: DelayOptions = {}): Promise<Scheduled> {
    return this.command(({ delays }) => delays.schedule(delayed, options));
  }

  async cancel(slot: string): Promise<boolean> {
    return this.command(({ delays }) => delays.cancel(slot));
  }

  stop(): Promise<void> {
    this.setReached();
    this.stopping ??= this.running ? this.running.stop() : Promise.resolve();
    return this.stopping;
  }

  /** Arms or disarms with all others of this turn, in their order. */
  private async change(change: Change): Promise<number | undefined> {
    this.admit();
    const { changes, answers } = (this.batch ??= this.begin());
    const index = changes.push(change) - 1;
    if (changes.length === MOST_CHANGES) this.batch = undefined;
    return (await answers)[index];
  }

  private begin(): Batch {
    const changes: Change[] = [];
    const atTurn = async ({ queue }: Running): Promise<readonly number[]> => {
      await turnOver();
      if (this.batch?.changes === changes) this.batch = undefined;
      return applyChanges(queue, changes, this.now());
    };
    return { changes, answers: this.send(atTurn, changes) };
  }

  private command<T>(ask: (running: Running) => Promise<T>): Promise<T> {
    this.admit();
    return this.send(ask, [undefined]);
  }

  /** Counts one more that waits for Redis. @throws {TimeoutsUnavailableError} `timeouts_unavailable` */
  private admit(): void {
    const { maxPending } = this.options;
    const { running, trouble } = this;
    if (!running || trouble !== undefined) throw new TimeoutsUnavailableError(trouble ?? 'Not started.', false);
    if (this.waiting >= maxPending) {
      throw new TimeoutsUnavailableError(
        `${maxPending} commands wait for Redis already, the most that the option "redis.maxPending" allows.`,
        false,
      );
    }
    this.waiting++;
  }

  /**
   * Sends what was admitted, and waits for the answer no longer than allowed.
   * @param admitted all of it
   */
  private async send<T>(ask: (running: Running) => Promise<T>, admitted: readonly unknown[]): Promise<T> {
    const { commandTimeout } = this.options;
    const { health } = this.running!;
    let late = false;
    try {
      return await within(this.track(ask(this.running!), admitted), commandTimeout, () => {
        late = true;
        return new Error(`Redis did not answer within ${commandTimeout} ms (option "redis.commandTimeout").`);
      });
    } catch (error) {
      if (late) health.silent(commandTimeout);
      throw new TimeoutsUnavailableError(messageOf(error), true, { cause: error });
    }
  }

  /** Counts it until Redis has answered, even when nobody waits for that any more. */
  private track<T>(command: Promise<T>, admitted: readonly unknown[]): Promise<T> {
    const tracked: Promise<T> = command.finally(() => {
      this.pending.delete(tracked);
      this.waiting -= admitted.length;
    });
    this.pending.add(tracked);
    return tracked;
  }

  private async compareClocks(queue: Queue<Timeout>): Promise<void> {
    await this.clock.measure(() => queue.client.time());
    const ahead = Math.round(this.clock.localAhead);
    if (this.clockWarned || Math.abs(ahead) < CLOCK_TOLERANCE) return;
    this.clockWarned = true;
    this.logger.warn(
      `This machine's clock is ${Math.abs(ahead)} ms ${ahead > 0 ? 'ahead of' : 'behind'} Redis's. Deadlines are corrected for it, ` +
        'but time-outs that this process takes from Redis may come as much late. Synchronise the clock (NTP).',
    );
  }
}

/** Each queue has connections of its own, and those of one may be there before those of the other. */
function whenConnected({ client }: Queue<Delayed>, begin: () => void): void {
  if (client.status === 'ready') begin();
  else client.once('ready', begin);
}
