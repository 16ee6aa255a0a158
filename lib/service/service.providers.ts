import type { Provider } from '@nestjs/common';
import { CommandProcessor } from './command.processor.js';
import { DeadLetters } from './dead-letter.js';
import { EventProcessor } from './event.processor.js';
import { EventWriter } from './event.writer.js';
import { HandlerCaller } from './handler.caller.js';
import { HandlerExplorer } from './handler.explorer.js';
import { HandlerInvoker } from './handler.invoker.js';
import { HandlingScope } from './handling.scope.js';
import { MessagePublisher } from './message.publisher.js';
import { OutcomeWriter } from './outcome.writer.js';
import { PayloadValidator } from './payload.validator.js';
import { PersistentPublisher } from './persistent.publisher.js';
import { ServiceRunner } from './service.runner.js';

/**
 * All that a service is made of. What it stands on is provided beside it: `ServiceOptions`, `MessageContext`, `MESSAGE_LOG`,
 * `TIMEOUT_SCHEDULER`, and Nest's `DiscoveryModule`.
 */
export const SERVICE_PROVIDERS: readonly Provider[] = [
  HandlerExplorer,
  HandlerInvoker,
  HandlerCaller,
  HandlingScope,
  PayloadValidator,
  PersistentPublisher,
  DeadLetters,
  EventWriter,
  OutcomeWriter,
  CommandProcessor,
  EventProcessor,
  MessagePublisher,
  ServiceRunner,
];
