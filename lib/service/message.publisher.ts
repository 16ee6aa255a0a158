import { Injectable, Logger } from '@nestjs/common';
import type { Outcome } from '../protocol/outcome.js';
import { entityKeyOf } from '../entity/generic.command.js';
import { followUp, type FollowUpOptions } from '../message/follow-up.js';
import { messageId } from '../message/message.id.js';
import { isAwaited } from '../message/outcome.rule.js';
import type { Payload, PlatformMessage } from '../message/platform-message.js';
import type { OutgoingRecord } from '../message/record.js';
import { commandAddressOf } from '../entity/command-address.decorator.js';
import { eventEntityOf } from '../entity/event-entity.decorator.js';
import { HandlingScope } from './handling/handling.scope.js';
import type { PayloadClass } from '../entity/payload.class.js';
import { OutcomeWriter } from './publishing/outcome.writer.js';
import { eventPayload, outgoing } from './publishing/outgoing.record.js';
import { PersistentPublisher } from './publishing/persistent.publisher.js';
import type { PublishOptions } from './publishing/publish.options.js';
import { rootNameOf } from './publishing/root.command.js';
import { type AddressedCommand, CommandScheduler } from './scheduling/command.scheduler.js';
import type { ScheduledCommand, SendEveryOptions, SendLaterOptions } from './scheduling/scheduling.options.js';
import { UnaddressedClassError } from '../entity/entity.errors.js';
import { ReplyImpossibleError } from './service.errors.js';
import { ServiceOptions } from './service.options.js';
import { outcomeOf } from './handling/thrown.outcome.js';
import { stamped } from '../tracing/send.span.js';

/** Where an event's record goes. */
export interface PublishEventOptions extends PublishOptions {
  /** Events of one key keep their order. @default the key of the record being handled */
  readonly key?: string;
  /** @default chosen by the key */
  readonly partition?: number;
}

/** Where a command's record goes, and how long it may be carried out. */
export interface PublishCommandOptions extends FollowUpOptions, PublishOptions {
  /** Commands of one key are carried out in order. @default the key of the record being handled; of a generic command, its entity's id */
  readonly key?: string;
}

/**
 * Publishes messages. What is published while a message is handled follows from it: it carries the same request and client,
 * however many `await`s lie in between, and nobody passes anything by hand. Elsewhere it starts something new.
 */
@Injectable()
export class MessagePublisher {
  private readonly logger = new Logger('KafkaSocketService');

  constructor(
    private readonly scope: HandlingScope,
    private readonly publisher: PersistentPublisher,
    private readonly outcomes: OutcomeWriter,
    private readonly options: ServiceOptions,
    private readonly scheduler: CommandScheduler,
  ) {}

  /**
   * Publishes an event; resolves once it is in the log, or held for it (see {@link PublishOptions.now}). While a message is
   * handled, a log that is out of reach is tried again until the handling is aborted, or over.
   * @param payload a class with `@EventEntity`
   * @returns the message's id
   * @throws {UnaddressedClassError} `class_unaddressed`
   * @throws {LogUnavailableError} `log_unavailable`
   * @throws {RecordRefusedError} `record_refused`, for example because it is too large
   * @throws {UnserializablePayloadError} `payload_unserializable`
   */
  async event<T extends object>(
    payload: PayloadClass<T>,
    eventType: string,
    data: T,
    { key, partition, now }: PublishEventOptions = {},
  ): Promise<string> {
    const entity = eventEntityOf(payload);
    if (!entity) throw unaddressed(payload, `@EventEntity('<topic>', '<Entity>')`);
    const event = eventPayload({ entity: entity.entity, eventType }, data);
    return this.publish(event, { topic: entity.topic, partition, key: this.keyOr(key) }, { now });
  }

  /**
   * Sends a command to the service that handles it; resolves once it is in the log, long before it is carried out. Its
   * answer ends nothing: the request ends by what its own handler returns, or by {@link reply}.
   * @param payload a class with `@CommandAddress`
   * @returns the message's id, which is the causation of its result
   * @throws as {@link event} does
   */
  async command<T extends object>(
    payload: PayloadClass<T>,
    data: T,
    { key, deadline, now }: PublishCommandOptions = {},
  ): Promise<string> {
    const { topic, command, key: usual } = addressed(payload, data);
    return this.publish(command, { topic, key: this.keyOr(key ?? usual) }, { deadline, now });
  }

  /**
   * Has a command sent when its time comes, and never before. Resolves when that survives what the scheduler promises: with `redis`
   * every process, without it nothing but this one's life. It follows from the message being handled, and is no part of its
   * request, which has ended by then. Where the service has an inbox it is held until the handler has returned, as {@link command} is.
   *
   * `id` and time make its message id, so scheduling it again, as a handler does that runs again, schedules no second one.
   * @param payload a class with `@CommandAddress`
   * @throws {DelayRefusedError} `delay_refused`: its time, its size or its id
   * @throws {TimeoutsUnavailableError} `timeouts_unavailable`: where its `sent` is false nothing is scheduled; else it may be
   * @throws {UnaddressedClassError} `class_unaddressed`
   * @throws {UnserializablePayloadError} `payload_unserializable`
   */
  sendLater<T extends object>(payload: PayloadClass<T>, data: T, options: SendLaterOptions): Promise<ScheduledCommand> {
    return this.scheduler.once(addressed(payload, data), options);
  }

  /**
   * Has a command sent again and again, each time once, however many processes ask for it and under the same `id`, until
   * {@link cancelLater}. Times that nobody was there for are not made up for: one comes late, and then it goes on; with `replace` too.
   * While the application starts it waits for Redis, ten seconds at most, as {@link sendLater} and {@link cancelLater} do.
   * @throws as {@link sendLater} does
   */
  sendEvery<T extends object>(payload: PayloadClass<T>, data: T, options: SendEveryOptions): Promise<ScheduledCommand> {
    return this.scheduler.every(addressed(payload, data), options);
  }

  /**
   * Takes back what {@link sendLater} or {@link sendEvery} of this service left under an id. At once, also in a handler that throws
   * after it.
   * @returns whether it certainly never comes; false where nothing waited, or it may have been sent, or is about to be. In any case
   * nothing comes again after that.
   * @throws {TimeoutsUnavailableError} `timeouts_unavailable`
   */
  async cancelLater(id: string): Promise<boolean> {
    return this.scheduler.cancel(id);
  }

  /**
   * Ends the request that the message being handled follows from: `@CommandHandler(X, { reply: 'later' })` left that open.
   * The first answer in the log counts, all later ones are dropped. Where nobody waits, for example because an event was
   * published by a job and not for a client, nothing happens.
   * @param answer the value of a `success`; or an error, which ends the request as if a handler had thrown it
   * (`CommandRejectedError`: `rejected`)
   * @throws {ReplyImpossibleError} `reply_impossible`: no message is being handled
   * @throws {LogUnavailableError} `log_unavailable`
   */
  async reply(answer?: unknown): Promise<void> {
    const { message, handling } = this.scope;
    if (!message) {
      throw new ReplyImpossibleError(
        'publisher.reply() was called while no message is being handled, so there is no request to end. Call it from a handler, or from what a handler calls.',
      );
    }
    if (!isAwaited(message.breadCrumbs)) return;
    const name = rootNameOf(message);
    const reply = { id: messageId(), name, outcome: this.outcomeOf(answer, name) };
    if (handling?.outbox?.holdReply(reply)) return;
    await this.outcomes.reply(message, reply, handling?.publishing);
  }

  private outcomeOf(answer: unknown, name: string): Outcome {
    if (!(answer instanceof Error)) return { status: 'success', value: answer };
    const outcome = outcomeOf(answer);
    if (outcome.status === 'failed') this.logger.error(`${name} failed: ${answer.message}`, answer.stack);
    return outcome;
  }

  private keyOr(key: string | undefined): OutgoingRecord['key'] {
    return key ?? this.scope.handling?.record.key ?? null;
  }

  private async publish(
    payload: Payload,
    place: Pick<OutgoingRecord, 'topic' | 'partition' | 'key'>,
    { now = false, ...options }: FollowUpOptions & PublishOptions,
  ): Promise<string> {
    const { message: cause, handling } = this.scope;
    const message: PlatformMessage = followUp(cause, `/${this.options.name}`, payload, options);
    const record = outgoing(message, place);
    if (now || !handling?.outbox?.hold(stamped(record))) await this.publisher.publish(record, handling?.publishing);
    return message.id;
  }
}

function addressed<T extends object>(payload: PayloadClass<T>, data: T): AddressedCommand {
  const address = commandAddressOf(payload);
  if (!address) throw unaddressed(payload, `@CommandAddress('<topic>')`);
  const { topic, name } = address;
  return { topic, command: { kind: 'command', name, data }, key: entityKeyOf(payload, data) };
}

function unaddressed({ name }: PayloadClass, decorator: string): UnaddressedClassError {
  return new UnaddressedClassError(
    `${name} cannot be published, because it says nowhere which topic it belongs to. Write ${decorator} above class ${name}.`,
  );
}
