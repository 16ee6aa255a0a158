export { KafkaSocketError, type KafkaSocketErrorOptions } from './kafka-socket.error.js';
export { type HealthReport, KafkaSocketHealth } from './kafka-socket.health.js';
export {
  KafkaSocketModule,
  type KafkaSocketModuleAsyncOptions,
  type KafkaSocketModuleExtras,
} from './kafka-socket.module.js';
export { InvalidOptionsError, type KafkaSocketModuleOptions } from './kafka-socket.options.js';

export type { BreadCrumbs, ReplyAddress } from './message/bread-crumbs.js';
export type { Claims } from './message/claims.js';
export { decodeMessage, encodeMessage, type EncodedMessage } from './message/cloud-events.codec.js';
export type { Command } from './message/command.js';
export type { CommandResult } from './message/command.result.js';
export type { Event } from './message/event.js';
export { MalformedMessageError, UnserializablePayloadError } from './message/message.errors.js';
export type { Payload, PlatformMessage } from './message/platform-message.js';
export type {
  HeaderValue,
  LogPosition,
  LogRecord,
  OutgoingRecord,
  RecordBatch,
  RecordHeaders,
} from './message/record.js';

export { CommandAddress } from './entity/command-address.decorator.js';
export { InvalidEntityError, UnaddressedClassError } from './entity/entity.errors.js';
export { EventEntity } from './entity/event-entity.decorator.js';
export {
  Create,
  Delete,
  type EntityCommandClass,
  type EntityPage,
  type EntityVerb,
  Get,
  List,
  Update,
} from './entity/generic.command.js';
export { Created, Deleted, type EntityEventClass, Updated } from './entity/generic.event.js';
export type { PayloadClass } from './entity/payload.class.js';
export type { EntityClass, EntityData, EntityId, EntityVersion, VersionedEntity } from './entity/versioned.entity.js';

export { MESSAGE_LOG } from './log/log.constants.js';
export type { InvalidProperty, Outcome, OutcomeStatus } from './protocol/outcome.js';

export { LogUnavailableError, MissingTopicsError, RecordRefusedError } from './log/log.errors.js';
export { KafkaOptions, MemoryLogOptions, TopicCreationOptions } from './log/log.options.js';
export { MemoryMessageLog } from './log/memory/memory.message.log.js';
export type {
  Assignment,
  GroupMember,
  LogRange,
  MessageLog,
  PartitionOffsets,
  Subscription,
  Tail,
  TailOptions,
} from './log/message.log.js';

export { DeadlinePassedError, DelayRefusedError, TimeoutsUnavailableError } from './timeout/timeout.errors.js';
export type { Recurrence } from './timeout/recurrence.js';
export type { Delay } from './service/publishing/held.record.js';
export { MemoryTimeoutOptions, RedisOptions } from './timeout/timeout.options.js';

export {
  CommandHandler,
  type CommandHandlerOptions,
  KafkaCommandHandler,
} from './service/declaration/command-handler.decorator.js';
export { EventHandler } from './service/declaration/event-handler.decorator.js';
export {
  EventPublisher,
  type EventPublisherOptions,
  KafkaEventPublisher,
} from './service/declaration/event-publisher.decorator.js';
export { CommandContext, EventContext, HandlerContext, LateContext } from './service/handling/handler.context.js';
export { MessagePublisher, type PublishCommandOptions, type PublishEventOptions } from './service/message.publisher.js';
export type { PublishOptions } from './service/publishing/publish.options.js';
export type {
  DueTime,
  ScheduledCommand,
  ScheduleOptions,
  SendEveryOptions,
  SendLaterOptions,
} from './service/scheduling/scheduling.options.js';
export {
  type AbortReason,
  CommandRejectedError,
  HandlingAbortedError,
  InvalidHandlerError,
  OutcomeImpossibleError,
  ReplyImpossibleError,
} from './service/service.errors.js';
export { EntityHandlers, type EntityHandlersOptions, type EntityHandling } from './service/entity/entity.handlers.js';
export type { EntityQuery, EntityRepository } from './service/entity/entity.repository.js';
export {
  MemoryEntityRepository,
  type MemoryEntityRepositoryOptions,
  RepositoryFullError,
} from './service/entity/memory.entity.repository.js';
export { VersionedStore } from './service/entity/versioned.store.js';
export { type AskedRequest, type OutcomeOptions, OutcomeReader } from './service/outcome.reader.js';
export { Retry } from './service/retry/retry.decorator.js';
export type { RetryBackoff, RetryOptions, RetryOrder } from './service/retry/retry.options.js';
export type { EventKey, ReplyMode } from './service/declaration/method.declaration.js';
export { ServiceOptions } from './service/service.options.js';
export type { Completion, CompletionRecord, Delivery, Handle, Inbox } from './service/inbox/inbox.js';
export { InboxUnavailableError, InvalidInboxError } from './service/inbox/inbox.errors.js';
export { InboxOptions, type InboxStore } from './service/inbox/inbox.options.js';
export type { Reply } from './service/inbox/outbox.js';

export { DeadLetterBox, type DeadLetterFilter, type ReplayOptions } from './dead-letters/dead-letter.box.js';
export type { DeadLetter } from './dead-letters/dead-letter.js';
export { DeadLetterNotNotedError, DeadLetterRefusedError } from './dead-letters/dead-letter.errors.js';
export type { DeadLetterReason } from './message/dead-letter.headers.js';

export { GatewaySetupError } from './gateway/gateway.errors.js';
export {
  type Admit,
  type Authenticate,
  type Authenticated,
  type Authorize,
  type BroadcastContent,
  type GatewayClient,
  GatewayLimits,
  GatewayOptions,
  type Handshake,
  HeartbeatOptions,
  type Intent,
  TraceOptions,
  TtlOptions,
} from './gateway/gateway.options.js';
