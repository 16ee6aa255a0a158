import { Logger } from '@nestjs/common';
import { messageOf } from '../../kafka-socket.error.js';
import { CloseCode } from '../../protocol/close-codes.js';
import type { Positions } from '../../protocol/frames.js';
import type { GatewayMetrics } from '../gateway.metrics.js';
import type { RequestLedger } from '../request/request.ledger.js';
import type { Delivery } from '../routing/delivery.js';
import type { RoutedUpTo, Session } from '../socket/session.js';
import type { MissedRecords } from './missed.records.js';
import { RecoveringClient } from './recovering.client.js';
import type { RecoveryPlan, RecoveryPlanner } from './recovery.plan.js';

/** Brings clients that were away up to date, and lets them go live. */
export class Recovery {
  private readonly logger = new Logger(Recovery.name);

  constructor(
    private readonly planner: RecoveryPlanner,
    private readonly missed: MissedRecords,
    private readonly delivery: Delivery,
    private readonly ledger: RequestLedger,
    private readonly metrics: GatewayMetrics,
  ) {}

  /** See {@link RecoveryPlanner.plan}. */
  plan(positions: Positions, sameLog: boolean): Promise<RecoveryPlan> {
    return this.planner.plan(positions, sameLog);
  }

  /** Sends all that was missed, then `recovered` for each topic, then lets the session go live. Never rejects. */
  async run(session: Session, plan: RecoveryPlan, signal: AbortSignal): Promise<void> {
    const began = performance.now();
    const client = new RecoveringClient(session, plan, this.delivery, this.ledger);
    client.begin();
    try {
      await this.missed.bring(client, (routed) => this.goLive(client, began, routed), signal);
    } catch (error) {
      const left = signal.aborted || !session.open;
      this.measure(client, began, left ? 'left' : 'failed');
      if (left) return;
      this.logger.warn(`A recovery failed, so its client is told to reconnect: ${messageOf(error)}`);
      session.close(CloseCode.insufficientState, 'the log cannot be read now: reconnect');
    }
  }

  private goLive(client: RecoveringClient, began: number, routed: Iterable<RoutedUpTo>): void {
    for (const outcome of client.outcomes()) client.session.send('recovered', outcome);
    client.session.goLive(routed);
    this.measure(client, began);
  }

  private measure(client: RecoveringClient, began: number, ended?: 'left' | 'failed'): void {
    const duration = performance.now() - began;
    for (const { reason, count } of client.outcomes())
      this.metrics.recovered(ended ?? reason ?? 'complete', count, duration);
  }
}
