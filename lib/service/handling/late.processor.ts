import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { messageOf } from '../../kafka-socket.error.js';
import { MESSAGE_LOG } from '../../log/log.constants.js';
import type { MessageLog } from '../../log/message.log.js';
import { requestIdentity } from '../../message/request.identity.js';
import { SparingLog } from '../../timeout/sparing.log.js';
import type { Handler } from '../declaration/handler.js';
import { type Arrival, placeOf } from '../dispatch/arrival.js';
import { isTimeout, type Standing } from '../dispatch/redelivery.guard.js';
import { ServiceMetrics } from '../service.metrics.js';
import { terminalRecords } from '../terminal.records.js';
import { EventProcessor } from './event.processor.js';

/** Pause before the log is asked again, in milliseconds. */
const PAUSE = 1_000;

/** Tells a handler of its answers that came too late. */
@Injectable()
export class LateProcessor {
  private readonly logger = new SparingLog(new Logger('KafkaSocketService'));

  constructor(
    private readonly events: EventProcessor,
    @Inject(MESSAGE_LOG) private readonly log: MessageLog,
    private readonly metrics: ServiceMetrics,
  ) {}

  /** Counts an answer that came too late, and that nobody wants to be told of. */
  count({ name }: Handler): void {
    this.metrics.late(name);
  }

  /**
   * Resolves when the record may be committed. It is told as an event is: it has happened, and nobody waits for what becomes of it.
   * @throws where the record stopped being ours before that
   */
  async process(handler: Handler, arrival: Arrival, standing: Standing): Promise<void> {
    if (standing !== 'late' && !(await this.isLate(arrival))) return;
    this.count(handler);
    await this.events.process([handler], withoutDeadline(arrival));
  }

  /** Whether the log says so where nobody remembers: after a restart, or of an answer that took longer than the window. */
  private async isLate(arrival: Arrival): Promise<boolean> {
    const { record, envelope, signal } = arrival;
    const { deadline } = envelope.breadCrumbs;
    // Nearly all have come in time, and reading the log for each would cost more than all else together.
    if (deadline === undefined || record.timestamp < deadline) return false;
    for (;;) {
      try {
        return await this.isBehindTimeout(arrival);
      } catch (error) {
        signal.throwIfAborted();
        this.logger.warn(`Whether an answer came too late is not known yet: ${placeOf(arrival)}: ${messageOf(error)}`);
      }
      await sleep(PAUSE, undefined, { signal }).catch(() => undefined);
    }
  }

  private async isBehindTimeout({ record, envelope, signal }: Arrival): Promise<boolean> {
    const { topic, partition, offset } = record;
    const identity = requestIdentity(envelope.breadCrumbs)!;
    const search = { topic, partition, to: offset };
    let timedOut = false;
    for await (const before of terminalRecords(this.log, search, envelope.breadCrumbs, identity, signal)) {
      if (!isTimeout(before)) return false; // answered before: in time, or late and told then
      timedOut = true;
    }
    return timedOut;
  }
}

/** It has passed, and what follows must be carried out all the same. */
function withoutDeadline(arrival: Arrival): Arrival {
  const { deadline: _deadline, ...breadCrumbs } = arrival.envelope.breadCrumbs;
  return { ...arrival, envelope: { ...arrival.envelope, breadCrumbs } };
}
