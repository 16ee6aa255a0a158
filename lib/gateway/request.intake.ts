import { Logger } from '@nestjs/common';
import { messageOf } from '../kafka-socket.error.js';
import { mayBeInTheLog, RecordRefusedError } from '../log/log.errors.js';
import type { MessageLog } from '../log/message.log.js';
import { encodeMessage } from '../message/cloud-events.codec.js';
import type { Command } from '../message/command.js';
import type { PlatformMessage } from '../message/platform-message.js';
import type { LogPosition, OutgoingRecord } from '../message/record.js';
import { requestIdentity } from '../message/request.identity.js';
import type { ClientFrames } from '../protocol/frames.js';
import type { ArmingInterceptor } from '../timeout/arming.interceptor.js';
import type { TimeoutScheduler } from '../timeout/timeout.scheduler.js';
import type { AccessRules } from './access.rules.js';
import type { Backstop } from './backstop.js';
import {
  ClientFacingError,
  ForbiddenError,
  InternalError,
  PendingError,
  TooLargeError,
  UnavailableError,
  UnknownOutcomeError,
} from './gateway.errors.js';
import type { GatewayMetrics } from './gateway.metrics.js';
import type { GatewayOptions } from './gateway.options.js';
import { commandOf, fingerprintOf, timeoutOf } from './request.command.js';
import type { LedgerEntry, RequestLedger } from './request.ledger.js';
import type { RequestRepeats } from './request.repeats.js';
import { atOf } from './routed.record.js';
import type { Session } from './session.js';

type Request = ClientFrames['request'];

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
  ) {}

  /**
   * Takes a request. Resolves once its command is queued for the log, so that requests of one socket keep their order; the
   * client is told the rest when it is known.
   * @throws {ClientFacingError} what the client is told at once
   */
  async take(session: Session, request: Request, frameId?: string): Promise<void> {
    const key = request.key ?? session.id;
    await this.check(session, request, key);
    const identity = requestIdentity({ ...identityOf(session, request), correlationId: '', attempt: 1 })!;
    const fingerprint = fingerprintOf(request.topic, request.command, key, JSON.stringify(request.payload));
    const command = this.ledger.get(identity) ? undefined : await this.command(session, request, key);
    // Asked again after the wait: another socket of the session may have sent the same request meanwhile.
    const known = this.ledger.get(identity);
    const answer =
      known || !command
        ? this.repeats.answer(session, request, known ?? this.ledger.open(identity), fingerprint, frameId)
        : this.accept(session, request, this.publish(command, key, identity, fingerprint), frameId);
    this.inBackground(answer, session, request, frameId);
  }

  /** Waits for what is on its way into the log. */
  async settled(): Promise<void> {
    await Promise.all(this.underWay);
  }

  private async check(session: Session, { topic, command, sessionId }: Request, key: string): Promise<void> {
    if (sessionId !== undefined && sessionId !== session.id) {
      throw new ForbiddenError('The request names a session that is not its socket’s.');
    }
    if (!this.options.topics.includes(topic))
      throw new ForbiddenError(`Commands to topic "${topic}" are not taken here.`);
    if (!(await this.access.may({ action: 'command', topic, command, key }, session.claims))) {
      throw new ForbiddenError(`This client may not send "${command}" to topic "${topic}" with this key.`);
    }
  }

  private async command(session: Session, request: Request, key: string): Promise<PlatformMessage<Command>> {
    const { default: usual, maximum } = this.options.ttl;
    const ttl = Math.min(request.ttl ?? usual, maximum);
    const age = request.age ?? 0;
    // A laptop that slept an hour must not place a bid that nobody waits for any more.
    if (age >= ttl)
      throw new UnknownOutcomeError(
        'The request is older than its time to live, and the log knows nothing of it. It was not sent.',
      );
    if (this.backstop.size >= this.options.limits.requests) {
      throw new UnavailableError('Too many requests wait for their outcome. Try again.', { temporary: true });
    }
    const partition = await this.partitionFor(request.topic, key);
    return commandOf(session, request, Math.round(this.scheduler.now() - age + ttl), {
      topic: request.topic,
      partition,
    });
  }

  private async partitionFor(topic: string, key: string): Promise<number> {
    try {
      return await this.log.partitionFor(topic, key);
    } catch (cause) {
      throw new UnavailableError('Kafka cannot be reached now; the request was not sent. Try again.', {
        cause,
        temporary: true,
      });
    }
  }

  private publish(
    command: PlatformMessage<Command>,
    key: string,
    identity: string,
    fingerprint: string,
  ): Promise<LogPosition> {
    const timeout = timeoutOf(command, command.payload.name)!;
    const record: OutgoingRecord = { ...command.breadCrumbs.reply!, key, ...encodeMessage(command) };
    const entry = this.ledger.open(identity);
    entry.fingerprint = fingerprint;
    const publishing = this.arming.run(timeout, () => this.log.publish(record));
    const confirmed = publishing.then(
      (at) => {
        delete entry.publishing;
        return (entry.command ??= at);
      },
      (error: unknown) => {
        this.notPublished(identity, entry, error);
        throw error;
      },
    );
    entry.publishing = confirmed;
    void this.backstop
      .guard(entry, timeout)
      .catch((error: unknown) => this.logger.warn(`A request has no backstop: ${messageOf(error)}`));
    return confirmed; // its failure is handled by `accept`, who waits for it in any case
  }

  /** What certainly never reached the log may be tried again; of anything else only the log knows. */
  private notPublished(identity: string, entry: LedgerEntry, error: unknown): void {
    delete entry.publishing;
    if (mayBeInTheLog(error)) return;
    this.backstop.release(entry);
    this.ledger.forget(identity);
  }

  private async accept(
    session: Session,
    { requestId }: Request,
    publishing: Promise<LogPosition>,
    frameId?: string,
  ): Promise<void> {
    try {
      const at = await publishing;
      session.send('accepted', { requestId, at: atOf(at) }, frameId);
      this.metrics.answered('accepted');
    } catch (error) {
      throw toldAs(error);
    }
  }

  /** Goes on without the frames behind it having to wait; what fails is told to the client. */
  private inBackground(work: Promise<void>, session: Session, { requestId }: Request, frameId?: string): void {
    const told = work
      .catch((error: unknown) => {
        const known =
          error instanceof ClientFacingError
            ? error
            : new InternalError('The gateway failed to take the request.', { cause: error });
        if (known.code === 'internal') this.logger.error(`Request ${requestId} failed: ${messageOf(known.cause)}`);
        const { code, message, temporary } = known;
        session.send('error', { requestId, code, message, temporary }, frameId);
        this.metrics.answered(code);
      })
      .finally(() => this.underWay.delete(told));
    this.underWay.add(told);
  }
}

function identityOf(session: Session, { requestId }: Request) {
  return { sessionId: session.id, publicKey: session.identity.publicKey, requestId };
}

/** What a client is told of a command that was not acknowledged. */
function toldAs(cause: unknown): ClientFacingError {
  if (cause instanceof RecordRefusedError)
    return new TooLargeError('Kafka does not take a record of this size.', { cause });
  if (mayBeInTheLog(cause)) {
    return new PendingError(
      'Kafka did not confirm the command. It may be carried out; its outcome or its time-out comes.',
      {
        cause,
        temporary: true,
      },
    );
  }
  return new UnavailableError('Kafka cannot be reached now; the request was not sent. Try again.', {
    cause,
    temporary: true,
  });
}
