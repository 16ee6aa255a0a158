import { Logger } from '@nestjs/common';
import { messageOf } from '../kafka-socket.error.js';
import type { MessageLog } from '../log/message.log.js';
import type { Timeout, TimeoutScheduler } from '../timeout/timeout.scheduler.js';
import type { LedgerEntry } from './request.ledger.js';

/**
 * The last guard of every request that this gateway took: if the log holds no outcome some time after the deadline, because
 * Redis lost the time-out or never had it, the gateway writes the time-out itself. It acts only on what it reads back.
 */
export class Backstop {
  private readonly logger = new Logger(Backstop.name);
  private readonly guarded = new Map<string, LedgerEntry>();

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

  /** Guards a request; one that is guarded or decided already is left as it is. */
  async guard(entry: LedgerEntry, timeout: Timeout): Promise<void> {
    if (entry.outcome || entry.backstop !== undefined) return;
    entry.backstop = timeout.id;
    this.guarded.set(timeout.id, entry);
    await this.timers.arm({ ...timeout, deadline: timeout.deadline + this.grace });
  }

  /** The request has its outcome, or never came to be. */
  readonly release = (entry: LedgerEntry): void => {
    const id = entry.backstop;
    if (id === undefined) return;
    this.guarded.delete(id);
    this.timers
      .disarm(id)
      .catch((error: unknown) => this.logger.warn(`A backstop could not be released: ${messageOf(error)}`));
  };

  private async write({ id, record }: Timeout): Promise<void> {
    const entry = this.guarded.get(id);
    if (!entry || entry.outcome) return;
    await this.log.publish(record);
    // Not forgotten here: what ends the request is reading the record back, this one or an earlier one.
  }
}
