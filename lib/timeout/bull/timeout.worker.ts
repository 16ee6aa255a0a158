import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { Job, Queue } from 'bull';
import { messageOf } from '../../kafka-socket.error.js';
import { within } from '../bounded.wait.js';
import { SparingLog } from '../sparing.log.js';
import type { TimeoutScheduler } from '../timeout.scheduler.js';
import type { OnDue, Waiting } from '../waiting.js';
import { TooEarlyError } from './too-early.error.js';

/** A job that is early by less than this waits where it is; one that is earlier goes back, to leave its place to others. In milliseconds. */
const WAIT_AT_MOST = 50;
/** How long a stop waits for what is being published, in milliseconds. */
const STOP_LIMIT = 5_000;

/** How long a stop leaves Redis to hand out the jobs that were asked for, in milliseconds: one that is lost on its way waits to be taken over. */
const LAST_JOBS = 50;

/** What a worker's jobs are. */
export interface JobKind {
  /** What people call one. */
  readonly name: string;
  /** What holds where this process cannot take any. */
  readonly otherwise: string;
  /** What holds where one was given up. */
  readonly lost: string;
  /** Whether a job that is none of ours is kept, among the failed ones: a later release may have written it. */
  readonly keepsUnknown: boolean;
}

/** Takes what is due from Bull and has it published. */
export class TimeoutWorker<W extends Waiting> {
  private readonly logger = new Logger('Timeouts');
  private readonly sparing = new SparingLog(this.logger);
  private readonly running = new Set<Promise<void>>();
  private begun = false;
  private stopped = false;

  constructor(
    private readonly queue: Queue<W>,
    private readonly scheduler: Pick<TimeoutScheduler, 'now' | 'trouble'>,
    private readonly onDue: OnDue<W>,
    private readonly kind: JobKind,
  ) {
    queue.on('failed', (job: Job<W> | null, error: Error) => this.failed(job, error));
    queue.on('error', (error: Error) => this.troubled(error));
  }

  /**
   * Begins to take jobs; called when Redis was reached, and does so once. Before that it must not: Bull begins by promises
   * that nobody watches, and with Redis away their rejection would end the process.
   */
  begin(concurrency: number): void {
    if (this.begun || this.stopped) return;
    this.begun = true;
    this.watchNaming();
    void this.queue
      .process(concurrency, (job: Job<W>) => this.run(job))
      .catch((error) => {
        if (this.stopped) return;
        this.logger.error(
          `This process takes no ${this.kind.name}s from Redis (${messageOf(error)}); ${this.kind.otherwise} ` +
            'Check what the Redis user may do, then restart.',
        );
      });
  }

  /** Takes no more, and waits for what is being published, within bounds: what is cut off another process takes over. */
  async stop(): Promise<void> {
    this.stopped = true;
    const idle = async () => {
      const paused = this.queue.pause(true, true).catch(() => undefined); // rejects where Redis is away, and then there is nothing to take
      await sleep(LAST_JOBS).then(() => nextTurn());
      this.hangUp();
      await paused;
      await Promise.allSettled(this.running);
    };
    await within(idle(), STOP_LIMIT, () => new Error()).catch(() => undefined);
    await nextTurn(); // in which Bull tells Redis what came of them
  }

  /** Bull says goodbye on the connection that waits for jobs, where it is not heard, and hangs up half a second later. */
  private hangUp(): void {
    for (const client of this.queue.clients) if ('blocked' in client) client.disconnect(); // Bull's mark, true or not
  }

  private run(job: Job<W>): Promise<void> {
    const running = this.handle(job).finally(() => this.running.delete(running));
    this.running.add(running);
    return running;
  }

  private async handle(job: Job<W>): Promise<void> {
    const waiting: unknown = job.data;
    if (!isWaiting(waiting)) return this.discard(job);
    const early = waiting.deadline - this.scheduler.now();
    if (early > WAIT_AT_MOST) throw new TooEarlyError(Math.ceil(early));
    if (early > 0) await sleep(early);
    await this.onDue(waiting as W);
  }

  /**
   * A job without data is a ghost: it was removed after Bull had chosen it and before Bull had locked it, and locking
   * made its hash again, empty. Bull can neither complete nor expire it, so it would stay for ever and keep its id from being
   * armed. Bull removes no job that is locked, and this lock is ours.
   */
  private async discard(job: Job<W>): Promise<void> {
    if (Object.keys(job.data ?? {}).length > 0) {
      const what = `Job ${job.id} in the queue of ${this.kind.name}s is not one.`;
      if (this.kind.keepsUnknown) {
        await job.discard();
        throw new Error(what);
      }
      this.sparing.warn(`${what} It was removed.`);
    }
    await job.releaseLock();
    await job.remove();
  }

  private failed(job: Job<W> | null, error: Error): void {
    if (error instanceof TooEarlyError) return;
    const what = `The ${this.kind.name} ${job?.id ?? '(unknown)'}${targetOf(job?.data)} could not be published (${messageOf(error)})`;
    if (job && job.finishedOn === undefined) {
      this.sparing.warn(`${what}. It is tried again.`);
    } else {
      this.logger.error(`${what} after ${job?.attemptsMade} attempts and is given up. ${this.kind.lost}`);
    }
  }

  private troubled(error: Error): void {
    const isTold = !this.begun || this.stopped || this.scheduler.trouble !== undefined;
    if (!isTold && !isHarmless(error)) this.sparing.warn(`Bull reports: ${messageOf(error)}`);
  }

  /** Bull names its connection without watching the promise; a refusal (a user that may not CLIENT SETNAME) would end the process. */
  private watchNaming(): void {
    const { queue } = this;
    const name = queue.setWorkerName.bind(queue);
    queue.setWorkerName = () => name().catch(() => undefined);
  }
}

/** Whether what came out of Redis is a record that waited. Anyone may have written it. */
function isWaiting(data: unknown): data is Waiting {
  if (typeof data !== 'object' || data === null) return false;
  const { id, deadline, record } = data as Partial<Waiting>;
  if (typeof id !== 'string' || typeof deadline !== 'number' || typeof record !== 'object' || record === null)
    return false;
  const hasPlace = typeof record.partition === 'number' || typeof record.key === 'string';
  return typeof record.topic === 'string' && hasPlace && typeof record.headers === 'object';
}

function targetOf(data: unknown): string {
  if (!isWaiting(data)) return '';
  const { topic, partition } = data.record;
  return ` for ${topic}${partition === undefined ? '' : `/${partition}`}`;
}

/** A connection that just broke, which is told elsewhere; or a job that was removed, or taken over by another process, while it ran. */
function isHarmless(error: Error & { syscall?: unknown }): boolean {
  return (
    error.syscall !== undefined ||
    ['MaxRetriesPerRequestError', 'AbortError'].includes(error.name) ||
    /^(Connection is closed|Missing (key|lock) for job|Job \S+ is not in the|Lock mismatch)/.test(error.message)
  );
}
