export { KafkaSocketError, type KafkaSocketErrorOptions } from '../kafka-socket.error.js';
export type { Arrived } from '../entity/arrived.js';
export { CommandAddress } from '../entity/command-address.decorator.js';
export { InvalidEntityError, UnaddressedClassError } from '../entity/entity.errors.js';
export { EventEntity } from '../entity/event-entity.decorator.js';
export {
  Create,
  Delete,
  type EntityCommandClass,
  type EntityPage,
  Get,
  List,
  Update,
} from '../entity/generic.command.js';
export { Created, Deleted, type EntityEventClass, Updated } from '../entity/generic.event.js';
export type { PayloadClass } from '../entity/payload.class.js';
export type { EntityClass, EntityData, EntityId, EntityVersion, VersionedEntity } from '../entity/versioned.entity.js';
export { CloseCode, mayReconnect } from '../protocol/close-codes.js';
export { SUBPROTOCOL } from '../protocol/channels.js';
export { ERROR_CODES, type ErrorCode } from '../protocol/error-codes.js';
export type {
  At,
  BroadcastFrame,
  ClientFrames,
  Frame,
  GatewayFrames,
  Positions,
  RecoveryReason,
  ResultFrame,
  Sealed,
  TypesByTopic,
} from '../protocol/frames.js';
export type { InvalidProperty, Outcome, OutcomeStatus } from '../protocol/outcome.js';
export type { ClientClock } from './client.clock.js';
export type {
  CommandName,
  CommandTopic,
  Contract,
  EntityName,
  EventData,
  EventTopic,
  EventTypeName,
  PayloadOf,
  ResultOf,
  UntypedContract,
} from './client.contract.js';
export {
  ClientClosedError,
  CommandFailedError,
  ConnectionFailedError,
  type Failure,
  type FailureStatus,
  GatewayError,
  InvalidClientOptionsError,
  ListenerFailedError,
  MalformedFrameError,
  MissingWebCryptoError,
  MissingWebSocketError,
  TokenRefreshError,
  UnreadableResultError,
  UnserializableRequestError,
  WaitAbortedError,
} from './client.errors.js';
export type { ClientCrypto } from './client.crypto.js';
export { type ClientIdentity, createIdentity } from './client.identity.js';
export { ClientOptions, type ClientOptionsInput, ReconnectOptions } from './client.options.js';
export type { ConnectionState, StateDetails } from './connection.js';
export type { EventMeta } from './event.subscriptions.js';
export type { LateOutcome, Recovered } from './frame.router.js';
export type { WebSocketConstructor, WebSocketLike } from './gateway.socket.js';
export { KafkaSocketClient, type TypedEventListener } from './kafka-socket.client.js';
export type { Listener, Off } from './listener.set.js';
export type { Accepted, RequestProgress, SendOptions } from './pending.request.js';
export type { TraceOption } from './request.trace.js';
export type { ExpiringToken, TokenOption } from './token.source.js';
