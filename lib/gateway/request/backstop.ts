import { Logger } from '@nestjs/common';
import { messageOf } from '../../kafka-socket.error.js';
import type { MessageLog } from '../../log/message.log.js';
import type { GatewayMetrics } from '../gateway.metrics.js';
import type { GatewayLimits } from '../gateway.options.js';
import { Quota } from '../quota.js';
import type { SessionIdentity } from '../socket/session.js';
import { sendingDue } from '../../tracing/send.span.js';
import type { Timeout, TimeoutScheduler } from '../../timeout/timeout.scheduler.js';

/** Whose request it is. Also by the key: who learns a session's id must not be able to use up what it may have. */
type Owner = Pick<SessionIdentity, 'id' | 'publicKey'>;

/**
 * The last guard of every request that this gateway took: if the log holds no outcome some time after the deadline, because
 * Redis lost the time-out or never had it, the gateway writes the time-out itself. It acts only on what it reads back.
 */
export class Backstop {
  private readonly logger = new Logger(Backstop.name);
  /** The session of each request by identity, not by ledger entry: the ledger may have forgotten a request when its outcome is read. */
  private readonly guarded = new Map<string, string>();
  private readonly sessions: Quota;

  /**
   * @param timers wakes in the process
   * @param grace how long after the deadline, in milliseconds
   * @param limits how many requests may wait, of one session and of all
   */
  constructor(
    private readonly timers: TimeoutScheduler,
    private readonly log: MessageLog,
    private readonly grace: number,
    private readonly limits: Pick<GatewayLimits, 'requests' | 'requestsPerSession'>,
    private readonly metrics: GatewayMetrics,
  ) {
    this.sessions = new Quota(limits.requestsPerSession);
  }

  /** Why one more request of a session cannot be guarded now, as its client is told; undefined where it can. */
  refusal(owner: Owner): string | undefined {
    if (this.guarded.size >= this.limits.requests) return 'Too many requests wait for their outcome. Try again.';
    return this.sessions.isSpent(keyOf(owner))
      ? 'Too many of your requests wait for their outcome. Try again.'
      : undefined;
  }

  async start(namespace: string): Promise<void> {
    await this.timers.start(namespace, (timeout) => this.write(timeout as Timeout));
  }

  async stop(): Promise<void> {
    await this.timers.stop();
    for (const identity of this.guarded.keys()) this.forget(identity);
  }

  /** Guards a request until it is released; one that is guarded already is left as it is. */
  async guard(identity: string, owner: Owner, timeout: Timeout): Promise<void> {
    if (this.guarded.has(identity)) return;
    const session = keyOf(owner);
    this.guarded.set(identity, session);
    this.sessions.take(session);
    try {
      await this.timers.arm({ ...timeout, id: identity, deadline: timeout.deadline + this.grace });
    } catch (error) {
      this.forget(identity);
      throw error;
    }
  }

  /** Whether a request is guarded here. */
  guards(identity: string): boolean {
    return this.guarded.has(identity);
  }

  /** The request has its outcome, or never came to be. */
  readonly release = (identity: string): void => {
    if (!this.forget(identity)) return;
    this.timers.disarm(identity).catch((error: unknown) => {
      this.logger.warn(`A backstop could not be released: ${messageOf(error)}`);
    });
  };

  private forget(identity: string): boolean {
    const session = this.guarded.get(identity);
    if (session === undefined) return false;
    this.sessions.release(session);
    return this.guarded.delete(identity);
  }

  private async write({ id: identity, record }: Timeout): Promise<void> {
    // Not forgotten here: what ends the request is reading the record back, this one or an earlier one.
    if (!this.guarded.has(identity)) return;
    await sendingDue(record, (traced) => this.log.publish(traced));
    this.metrics.backstopped();
  }
}

function keyOf({ id, publicKey }: Owner): string {
  return `${id} ${publicKey}`;
}
