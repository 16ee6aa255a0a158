import { Logger } from '@nestjs/common';
import { messageOf } from '../../kafka-socket.error.js';
import type { MessageLog } from '../../log/message.log.js';
import type { Timeout, TimeoutScheduler } from '../../timeout/timeout.scheduler.js';

/**
 * The last guard of every request that this gateway took: if the log holds no outcome some time after the deadline, because
 * Redis lost the time-out or never had it, the gateway writes the time-out itself. It acts only on what it reads back.
 */
export class Backstop {
  private readonly logger = new Logger(Backstop.name);
  /** By identity, not by ledger entry: the ledger may have forgotten a request when its outcome is read. */
  private readonly guarded = new Set<string>();

  /**
   * @param timers wakes in the process
   * @param grace how long after the deadline, in milliseconds
   */
  constructor(
    private readonly timers: TimeoutScheduler,
    private readonly log: MessageLog,
    private readonly grace: number,
  ) {}

  /** How many requests wait for their outcome. */
  get size(): number {
    return this.guarded.size;
  }

  async start(namespace: string): Promise<void> {
    await this.timers.start(namespace, (timeout) => this.write(timeout));
  }

  async stop(): Promise<void> {
    await this.timers.stop();
    this.guarded.clear();
  }

  /** Guards a request until it is released; one that is guarded already is left as it is. */
  async guard(identity: string, timeout: Timeout): Promise<void> {
    if (this.guarded.has(identity)) return;
    this.guarded.add(identity);
    try {
      await this.timers.arm({ ...timeout, id: identity, deadline: timeout.deadline + this.grace });
    } catch (error) {
      this.guarded.delete(identity);
      throw error;
    }
  }

  /** Whether a request is guarded here. */
  guards(identity: string): boolean {
    return this.guarded.has(identity);
  }

  /** The request has its outcome, or never came to be. */
  readonly release = (identity: string): void => {
    if (!this.guarded.delete(identity)) return;
    this.timers.disarm(identity).catch((error: unknown) => {
      this.logger.warn(`A backstop could not be released: ${messageOf(error)}`);
    });
  };

  private async write({ id: identity, record }: Timeout): Promise<void> {
    // Not forgotten here: what ends the request is reading the record back, this one or an earlier one.
    if (this.guarded.has(identity)) await this.log.publish(record);
  }
}
