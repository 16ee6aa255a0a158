import type { MessageLog } from '../log/message.log.js';
import { decodeEnvelope } from '../message/cloud-events.codec.js';
import type { LogPosition, LogRecord } from '../message/record.js';
import type { ClientFrames, GatewayFrames } from '../protocol/frames.js';
import type { Backstop } from './backstop.js';
import { type Delivery, ownsRequest } from './delivery.js';
import { ConflictError, PendingError } from './gateway.errors.js';
import type { BroadcastRules } from './broadcast.rules.js';
import { classify } from './record.classifier.js';
import type { RecordRing } from './record.ring.js';
import { fingerprintOf, timeoutOf } from './request.command.js';
import type { LedgerEntry } from './request.ledger.js';
import { atOf, type RoutedResult } from './routed.record.js';
import type { Session } from './session.js';

type Request = ClientFrames['request'];
type Outcome = GatewayFrames['accepted']['outcome'];

/** Answers a request that was made before, here or at another gateway: nothing is published a second time. */
export class RequestRepeats {
  constructor(
    private readonly log: MessageLog,
    private readonly ring: RecordRing,
    private readonly rules: BroadcastRules,
    private readonly backstop: Backstop,
    private readonly delivery: Delivery,
  ) {}

  /**
   * Tells the client where its command stands, with the outcome where there is one; takes over the backstop where there is none.
   * @throws {ConflictError} `conflict`: the same request asks for something else now
   * @throws {PendingError} `pending`: nobody knows yet whether the command is in the log
   */
  async answer(
    session: Session,
    request: Request,
    entry: LedgerEntry,
    fingerprint: string,
    frameId?: string,
  ): Promise<void> {
    const at = entry.command ?? (await acknowledged(entry));
    const command = await this.recordAt(at);
    const first = entry.fingerprint ?? fingerprintIn(command);
    if (first !== undefined && first !== fingerprint) {
      throw new ConflictError(
        'A request with this id was made before, with another topic, command, key or payload. Use a new id.',
      );
    }
    const place = at ?? entry.outcome;
    if (!place)
      throw new PendingError('Kafka did not confirm the command. Its outcome or its time-out comes.', {
        temporary: true,
      });
    const outcome = await this.outcome(session, entry);
    session.send('accepted', { requestId: request.requestId, at: atOf(place), ...(outcome && { outcome }) }, frameId);
    if (command && !entry.outcome) await this.takeOver(entry, command);
  }

  /** The gateway that took the request may be gone, so this one guards it too, by its original deadline. */
  private async takeOver(entry: LedgerEntry, record: LogRecord): Promise<void> {
    const { type, ...command } = decodeEnvelope(record.headers);
    const timeout = timeoutOf(command, type.name);
    if (timeout) await this.backstop.guard(entry, timeout);
  }

  private async outcome(session: Session, { outcome: at }: LedgerEntry): Promise<Outcome> {
    if (!at) return undefined;
    const result = await this.resultAt(at);
    if (!result || !ownsRequest(session, result.crumbs)) return undefined;
    return { at: atOf(at), sealed: this.delivery.seal(session, result) };
  }

  private async resultAt(at: LogPosition): Promise<RoutedResult | undefined> {
    const near = this.ring.at(at.topic, at.partition, at.offset);
    const record = near ?? (await this.recordAt(at));
    if (!record) return undefined;
    const routed = 'kind' in record ? record : classify(record, this.rules);
    return routed?.kind === 'result' ? routed : undefined;
  }

  private async recordAt(at: LogPosition | undefined): Promise<LogRecord | undefined> {
    if (!at) return undefined;
    const { topic, partition, offset } = at;
    for await (const { records } of this.log.read({ topic, partition, from: offset, to: offset + 1n })) {
      const record = records.find((one) => one.offset === offset);
      if (record) return record;
    }
    return undefined;
  }
}

async function acknowledged(entry: LedgerEntry): Promise<LogPosition | undefined> {
  try {
    return await entry.publishing;
  } catch {
    return entry.command; // told to whoever sent it; to this one only the log speaks
  }
}

/** What a command's record asks for. Its value is what the gateway wrote: the JSON of the payload as the client sent it. */
function fingerprintIn(record: LogRecord | undefined): string | undefined {
  if (!record) return undefined;
  const { type } = decodeEnvelope(record.headers);
  return fingerprintOf(record.topic, type.name, record.key?.toString() ?? '', record.value?.toString() ?? '');
}
