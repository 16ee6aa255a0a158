import type { Provider } from '@nestjs/common';
import { CommandProcessor } from './handling/command.processor.js';
import { DeadLetters } from './publishing/dead-letter.js';
import { EventProcessor } from './handling/event.processor.js';
import { EventWriter } from './publishing/event.writer.js';
import { HandledOnce } from './inbox/handled.once.js';
import { HandlerCaller } from './handling/handler.caller.js';
import { HandlerExplorer } from './declaration/handler.explorer.js';
import { HandlerInvoker } from './handling/handler.invoker.js';
import { HandlingScope } from './handling/handling.scope.js';
import { LateProcessor } from './handling/late.processor.js';
import { CommandScheduler } from './scheduling/command.scheduler.js';
import { MessagePublisher } from './message.publisher.js';
import { OutcomeReader } from './outcome.reader.js';
import { OutcomeWriter } from './publishing/outcome.writer.js';
import { PayloadValidator } from './handling/payload.validator.js';
import { PersistentPublisher } from './publishing/persistent.publisher.js';
import { ProgressWriter } from './retry/progress.writer.js';
import { Retries } from './retry/retries.js';
import { RetryShelf } from './retry/retry.shelf.js';
import { ServiceMetrics } from './service.metrics.js';
import { ServiceRunner } from './service.runner.js';

/**
 * All that a service is made of. What it stands on is provided beside it: `ServiceOptions`, `MessageContext`, `MESSAGE_LOG`,
 * `TIMEOUT_SCHEDULER`, where there is one `INBOX`, and Nest's `DiscoveryModule`.
 */
export const SERVICE_PROVIDERS: readonly Provider[] = [
  HandlerExplorer,
  HandlerInvoker,
  HandlerCaller,
  HandledOnce,
  HandlingScope,
  PayloadValidator,
  ServiceMetrics,
  PersistentPublisher,
  DeadLetters,
  EventWriter,
  OutcomeWriter,
  RetryShelf,
  ProgressWriter,
  Retries,
  CommandProcessor,
  EventProcessor,
  LateProcessor,
  CommandScheduler,
  MessagePublisher,
  OutcomeReader,
  ServiceRunner,
];
