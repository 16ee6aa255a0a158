import { Logger } from '@nestjs/common';
import { messageOf } from '../../kafka-socket.error.js';
import { mayBeInTheLog, RecordRefusedError } from '../../log/log.errors.js';
import type { MessageLog } from '../../log/message.log.js';
import { encodeMessage } from '../../message/cloud-events.codec.js';
import type { Command } from '../../message/command.js';
import type { PlatformMessage } from '../../message/platform-message.js';
import type { LogPosition, OutgoingRecord } from '../../message/record.js';
import { requestIdentity } from '../../message/request.identity.js';
import type { ClientFrames } from '../../protocol/frames.js';
import type { ArmingInterceptor } from '../../timeout/arming.interceptor.js';
import type { Timeout, TimeoutScheduler } from '../../timeout/timeout.scheduler.js';
import type { AccessRules } from '../access.rules.js';
import type { Backstop } from './backstop.js';
import {
  BadFrameError,
  ClientFacingError,
  ForbiddenError,
  InternalError,
  PendingError,
  TooLargeError,
  UnavailableError,
  UnknownOutcomeError,
} from '../gateway.errors.js';
import type { GatewayMetrics } from '../gateway.metrics.js';
import type { GatewayOptions } from '../gateway.options.js';
import { commandOf, fingerprintOf, timeoutOf } from './request.command.js';
import type { LedgerEntry, RequestLedger } from './request.ledger.js';
import type { RequestRepeats, TakenRequest } from './request.repeats.js';
import { atOf } from '../routing/routed.record.js';
import type { SetupQueue } from '../sealing/setup.queue.js';
import type { Session } from '../socket/session.js';
import { answered, headersFor, requested } from '../../tracing/request.span.js';
import { sending } from '../../tracing/send.span.js';

type Request = ClientFrames['request'];

const KAFKA_AWAY = 'Kafka cannot be reached now; the request was not sent. Try again.';
const TOO_OLD = 'The request is older than its time to live, and the log knows nothing of it. It was not sent.';

/** Takes requests in: each becomes one command in the log, guarded by a time-out, or an error that says why not. */
export class RequestIntake {
  private readonly logger = new Logger(RequestIntake.name);
  private readonly underWay = new Set<Promise<void>>();

  constructor(
    private readonly log: MessageLog,
    private readonly scheduler: TimeoutScheduler,
    private readonly arming: ArmingInterceptor,
    private readonly backstop: Backstop,
    private readonly ledger: RequestLedger,
    private readonly repeats: RequestRepeats,
    private readonly access: AccessRules,
    private readonly options: GatewayOptions,
    private readonly metrics: GatewayMetrics,
    private readonly setups: SetupQueue,
  ) {}

  /**
   * Takes a request. Resolves once its command is queued for the log, so that requests of one socket keep their order; the
   * client is told the rest when it is known.
   * @throws {ClientFacingError} what the client is told at once
   */
  take(session: Session, data: Request, frameId?: string): Promise<void> {
    return requested(data, this.options, () => this.takeOrRefuse(session, data, frameId));
  }

  /** Waits for what is on its way into the log. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.underWay);
  }

  private async takeOrRefuse(session: Session, data: Request, frameId?: string): Promise<void> {
    try {
      const key = data.key ?? session.id;
      await this.check(session, data, key);
      const fingerprint = fingerprintOf(data.topic, data.command, key, payloadText(data));
      const identity = identityOf(session, data);
      const request: TakenRequest = { session, data, key, identity, fingerprint, frameId };
      const { answer } = this.ledger.get(identity) ? { answer: this.repeat(request) } : await this.begin(request);
      this.setups.add(session.identity.publicKey); // a result will come: while Kafka and the services are at work
      void this.tell(answer, request);
    } catch (error) {
      this.answered(error instanceof ClientFacingError ? error.code : 'internal');
      throw error;
    }
  }

  private async check(session: Session, { topic, command, sessionId }: Request, key: string): Promise<void> {
    if (sessionId !== undefined && sessionId !== session.id) {
      throw new ForbiddenError('The request names a session that is not its socket’s.');
    }
    if (!this.options.topics.includes(topic))
      throw new ForbiddenError(`Commands to topic "${topic}" are not taken here.`);
    if (!(await this.access.may({ action: 'command', topic, command, key }, session))) {
      throw new ForbiddenError(`This client may not send "${command}" to topic "${topic}" with this key.`);
    }
  }

  /** A request that nobody knows of. Resolves once its command is queued; `answer` settles when the client has its answer. */
  private async begin(request: TakenRequest): Promise<{ answer: Promise<void> }> {
    const ttl = this.timeLeft(request);
    const partition = await this.partitionFor(request);
    const command = this.command(request, ttl, partition);
    // Asked again after the wait: another socket of the session may have sent the same request meanwhile.
    if (this.ledger.get(request.identity)) return { answer: this.repeat(request) };
    const refusal = this.backstop.refusal(request.session.identity);
    if (refusal) throw notSent(request.data, refusal);
    return { answer: this.accept(request, this.publish(command, request)) };
  }

  /** A request that was made before. If it turns out that its command never reached the log, it is a new one after all. */
  private async repeat(request: TakenRequest): Promise<void> {
    const known = this.ledger.get(request.identity);
    if (known && !(known.publishing && (await neverSent(known.publishing)))) return this.repeats.answer(request, known);
    return (await this.begin(request)).answer;
  }

  /** @throws {UnknownOutcomeError} `unknown`: a laptop that slept an hour must not place a bid that nobody waits for any more */
  private timeLeft({ data: { ttl, age = 0 } }: TakenRequest): number {
    const { default: usual, maximum } = this.options.ttl;
    const left = Math.min(ttl ?? usual, maximum) - age;
    if (left <= 0) throw new UnknownOutcomeError(TOO_OLD);
    return left;
  }

  private command({ session, data }: TakenRequest, ttl: number, partition: number): PlatformMessage<Command> {
    const deadline = Math.round(this.scheduler.now() + ttl);
    const trace = headersFor(data, this.options.trace);
    return commandOf(session, data, deadline, { topic: data.topic, partition }, trace);
  }

  private async partitionFor({ data, key }: TakenRequest): Promise<number> {
    try {
      return await this.log.partitionFor(data.topic, key);
    } catch (cause) {
      throw notSent(data, KAFKA_AWAY, cause);
    }
  }

  private publish(command: PlatformMessage<Command>, request: TakenRequest): Promise<LogPosition> {
    const { key, identity, fingerprint } = request;
    const { headers, value } = encodeMessage(command);
    const timeout = timeoutOf(command, command.payload.name, headers.ce_breadcrumbs)!;
    const record: OutgoingRecord = { ...command.breadCrumbs.reply!, key, headers, value };
    const entry = this.ledger.open(identity);
    entry.fingerprint = fingerprint;
    entry.publishing = this.write(record, timeout, request, entry);
    void this.backstop.guard(identity, request.session.identity, timeout).catch((error: unknown) => {
      this.logger.warn(`A request has no backstop: ${messageOf(error)}`);
    });
    return entry.publishing; // its failure is handled by `accept`, who waits for it in any case
  }

  private async write(
    record: OutgoingRecord,
    timeout: Timeout,
    request: TakenRequest,
    entry: LedgerEntry,
  ): Promise<LogPosition> {
    try {
      const at = await this.arming.run(timeout, () => sending(record, (traced) => this.log.publish(traced)));
      return (entry.command ??= at);
    } catch (error) {
      return this.notConfirmed(request, entry, error);
    } finally {
      entry.publishing = undefined;
    }
  }

  /** What certainly never reached the log may be tried again; of anything else only the log knows, and may have told already. */
  private notConfirmed({ identity, data }: TakenRequest, entry: LedgerEntry, error: unknown): LogPosition {
    if (entry.command) return entry.command;
    if (!mayBeInTheLog(error)) {
      if (!wasSentBefore(data)) this.backstop.release(identity);
      this.ledger.forget(identity);
    }
    throw error;
  }

  private async accept({ session, data, frameId }: TakenRequest, publishing: Promise<LogPosition>): Promise<void> {
    try {
      session.send('accepted', { requestId: data.requestId, at: atOf(await publishing) }, frameId);
    } catch (error) {
      throw toldAs(data, error);
    }
  }

  /** Goes on without the frames behind it having to wait; what fails is told to the client. */
  private async tell(answer: Promise<void>, { session, data: { requestId }, frameId }: TakenRequest): Promise<void> {
    this.underWay.add(answer);
    try {
      await answer;
      this.answered('accepted');
    } catch (error) {
      const known = error instanceof ClientFacingError ? error : this.internal(requestId, error);
      const { code, message, temporary } = known;
      session.send('error', { requestId, code, message, temporary }, frameId);
      this.answered(code);
    }
    this.underWay.delete(answer);
  }

  private answered(answer: string): void {
    this.metrics.answered(answer);
    answered(answer);
  }

  private internal(requestId: string, cause: unknown): InternalError {
    this.logger.error(`Request ${requestId} failed: ${messageOf(cause)}`);
    return new InternalError('The gateway failed to take the request.', { cause });
  }
}

function identityOf(session: Session, { requestId }: Request): string {
  const { id: sessionId, publicKey } = session.identity;
  return requestIdentity({ sessionId, publicKey, requestId, correlationId: '', attempt: 1 })!;
}

/** @throws {BadFrameError} `bad_frame`: JSON can be read deeper than it can be written */
function payloadText({ payload }: Request): string {
  try {
    return JSON.stringify(payload);
  } catch {
    throw new BadFrameError('The payload is nested too deeply.');
  }
}

async function neverSent(publishing: Promise<LogPosition>): Promise<boolean> {
  try {
    await publishing;
    return false;
  } catch (error) {
    return !mayBeInTheLog(error);
  }
}

/** Whether another gateway may have the request in the log already, however far this one has read. */
function wasSentBefore({ age }: Request): boolean {
  return age !== undefined && age > 0;
}

/** What a client is told of a command that was not acknowledged. */
function toldAs(request: Request, cause: unknown): ClientFacingError {
  if (cause instanceof RecordRefusedError)
    return new TooLargeError('Kafka never takes this request, as a rule because of its size.', { cause });
  if (!mayBeInTheLog(cause)) return notSent(request, KAFKA_AWAY, cause);
  const message = 'Kafka did not confirm the command. It may be carried out; its outcome or its time-out comes.';
  return new PendingError(message, { cause, temporary: true });
}

/** This gateway did not send it. Where another one may have, that is not the end of it: the log tells. */
function notSent(request: Request, message: string, cause?: unknown): ClientFacingError {
  if (!wasSentBefore(request)) return new UnavailableError(message, { cause, temporary: true });
  return new PendingError('The request cannot be sent again now. If it was sent before, its outcome comes.', {
    cause,
    temporary: true,
  });
}
