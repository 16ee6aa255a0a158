import { Logger } from '@nestjs/common';
import { messageOf } from '../../kafka-socket.error.js';
import type { MessageLog } from '../../log/message.log.js';
import { decodeEnvelope } from '../../message/cloud-events.codec.js';
import type { LogPosition, LogRecord } from '../../message/record.js';
import type { ClientFrames, GatewayFrames } from '../../protocol/frames.js';
import type { Backstop } from './backstop.js';
import type { Semaphore } from '../recovery/semaphore.js';
import type { BroadcastRules } from '../routing/broadcast.rules.js';
import { type Delivery, ownsRequest } from '../routing/delivery.js';
import { ClientFacingError, ConflictError, PendingError } from '../gateway.errors.js';
import { classify } from '../routing/record.classifier.js';
import type { RecordRing } from '../routing/record.ring.js';
import { SparingLog } from '../../timeout/sparing.log.js';
import { fingerprintOf, timeoutOf } from './request.command.js';
import type { LedgerEntry } from './request.ledger.js';
import { atOf, type RoutedResult } from '../routing/routed.record.js';
import type { Session } from '../socket/session.js';

/** How long one record may take to be read back, in milliseconds; then the client is told to wait. */
const READ_LIMIT = 5_000;

/** A request that may be taken, and what it is known by. */
export interface TakenRequest {
  readonly session: Session;
  readonly data: ClientFrames['request'];
  /** Its record's key. */
  readonly key: string;
  /** See `requestIdentity`. */
  readonly identity: string;
  /** What it asks for, see `fingerprintOf`. */
  readonly fingerprint: string;
  readonly frameId: string | undefined;
}

/** Answers a request that was made before, here or at another gateway: nothing is published a second time. */
export class RequestRepeats {
  private readonly logger = new SparingLog(new Logger(RequestRepeats.name));

  constructor(
    private readonly log: MessageLog,
    private readonly ring: RecordRing,
    private readonly rules: BroadcastRules,
    private readonly backstop: Backstop,
    private readonly delivery: Delivery,
    /** Who repeats old requests makes the gateway read the log for each; no flood of that is to reach Kafka. */
    private readonly reads: Semaphore,
  ) {}

  /**
   * Tells the client where its command stands, with the outcome where there is one; takes over the backstop where there is none.
   * @throws {ConflictError} `conflict`: the same request asks for something else now
   * @throws {PendingError} `pending`: whether or where the command stands in the log cannot be told now
   */
  async answer(request: TakenRequest, entry: LedgerEntry): Promise<void> {
    let record: LogRecord | undefined;
    try {
      record = await this.tell(request, entry);
    } catch (cause) {
      if (cause instanceof ClientFacingError) throw cause;
      throw pending(cause);
    }
    await this.takeOver(request, entry, record);
  }

  /** @returns the command's record, where it had to be read */
  private async tell(
    { session, data, fingerprint, frameId }: TakenRequest,
    entry: LedgerEntry,
  ): Promise<LogRecord | undefined> {
    const command = entry.command ?? (await acknowledged(entry));
    const record = entry.fingerprint === undefined && command ? await this.recordAt(command) : undefined;
    const first = entry.fingerprint ?? fingerprintIn(record);
    if (first !== undefined && first !== fingerprint) {
      throw new ConflictError(
        'A request with this id was made before, with another topic, command, key or payload. Use a new id.',
      );
    }
    const place = command ?? entry.outcome;
    if (!place) throw pending();
    const outcome = await this.outcome(session, entry);
    const { requestId } = data;
    session.send('accepted', { requestId, at: atOf(place), ...(outcome && { outcome }) }, frameId);
    return record;
  }

  /** The gateway that took the request may be gone, so this one guards it too, by its original deadline. */
  private async takeOver(
    { identity, session }: TakenRequest,
    entry: LedgerEntry,
    known: LogRecord | undefined,
  ): Promise<void> {
    const { command } = entry;
    if (!command || entry.outcome || this.backstop.guards(identity)) return;
    try {
      const record = known ?? (await this.recordAt(command));
      if (!record) return;
      const { type, ...envelope } = decodeEnvelope(record.headers);
      const timeout = timeoutOf(envelope, type.name);
      // Asked again after the wait: nobody would release what is guarded once the outcome was read.
      if (timeout && !entry.outcome) await this.backstop.guard(identity, session.identity, timeout);
    } catch (error) {
      this.logger.warn(`A request that was repeated here has no backstop here: ${messageOf(error)}`);
    }
  }

  private async outcome(session: Session, { outcome: at }: LedgerEntry): Promise<GatewayFrames['accepted']['outcome']> {
    if (!at) return undefined;
    const result = await this.resultAt(at);
    if (!result || !ownsRequest(session, result.owner)) return undefined;
    return { at: atOf(at), sealed: this.delivery.seal(session, result) };
  }

  private async resultAt(at: LogPosition): Promise<RoutedResult | undefined> {
    const near = this.ring.at(at.topic, at.partition, at.offset);
    if (near) return near.kind === 'result' ? near : undefined;
    const record = await this.recordAt(at);
    const routed = record && classify(record, this.rules);
    return routed?.kind === 'result' ? routed : undefined;
  }

  private recordAt(at: LogPosition): Promise<LogRecord | undefined> {
    const limit = AbortSignal.timeout(READ_LIMIT);
    return this.reads.run(limit, () => this.read(at, limit));
  }

  private async read({ topic, partition, offset }: LogPosition, limit: AbortSignal): Promise<LogRecord | undefined> {
    const range = { topic, partition, from: offset, to: offset + 1n };
    for await (const { records } of this.log.read(range, limit)) {
      const record = records.find((one) => one.offset === offset);
      if (record) return record;
    }
    return undefined;
  }
}

function pending(cause?: unknown): PendingError {
  return new PendingError('Whether Kafka has the command cannot be told now. Its outcome or its time-out comes.', {
    cause,
    temporary: true,
  });
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
