import { Inject, Injectable } from '@nestjs/common';
import { MESSAGE_LOG } from '../log/log.constants.js';
import type { MessageLog, Subscription } from '../log/message.log.js';
import { TIMEOUT_SCHEDULER } from '../timeout/timeout.constants.js';
import type { TimeoutScheduler } from '../timeout/timeout.scheduler.js';
import { CommandProcessor } from './handling/command.processor.js';
import { DEAD_LETTER_SUFFIX, DeadLetters } from './publishing/dead-letter.js';
import { EventProcessor } from './handling/event.processor.js';
import { HandlerExplorer } from './declaration/handler.explorer.js';
import type { HandlerRegistry } from './declaration/handler.registry.js';
import { RecordDispatcher } from './dispatch/record.dispatcher.js';
import { ServiceOptions } from './service.options.js';

/** Runs this application's handlers: finds them, subscribes to their topics, and stops without losing what runs. */
@Injectable()
export class ServiceRunner {
  private registry?: HandlerRegistry;
  private dispatcher?: RecordDispatcher;
  private subscription?: Subscription;
  private starting?: Promise<void>;
  private stopping?: Promise<void>;

  constructor(
    private readonly explorer: HandlerExplorer,
    private readonly commands: CommandProcessor,
    private readonly events: EventProcessor,
    private readonly deadLetters: DeadLetters,
    private readonly options: ServiceOptions,
    @Inject(MESSAGE_LOG) private readonly log: MessageLog,
    @Inject(TIMEOUT_SCHEDULER) private readonly scheduler: TimeoutScheduler,
  ) {}

  /** The topics that are read: empty where this application handles nothing. */
  get topics(): readonly string[] {
    return this.explored.topics;
  }

  /** Why no records are taken; undefined while they are, or where there is nothing to handle. */
  get trouble(): string | undefined {
    if (this.stopping) return 'The handlers were stopped.';
    if (this.subscription || this.topics.length === 0) return undefined;
    return `The handlers are not subscribed to ${this.topics.join(', ')} yet.`;
  }

  /**
   * Finds the handlers and checks their declarations. Reaches no broker.
   * @throws {InvalidHandlerError} `handler_invalid`
   */
  explore(): HandlerRegistry {
    return this.explored;
  }

  /**
   * Makes sure of the topics, and joins the group. An application without handlers joins none: it would take partitions
   * from those that have some. May be called again after it threw.
   * @throws {InvalidHandlerError} `handler_invalid`
   * @throws {LogUnavailableError} `log_unavailable`
   * @throws {MissingTopicsError} `topics_missing`
   */
  start(): Promise<void> {
    this.starting ??= this.subscribe().catch((error: unknown) => {
      this.starting = undefined;
      throw error;
    });
    return this.starting;
  }

  /**
   * Takes no new records, waits for those that run (bounded by `drainTimeout`), commits what is finished, and leaves the
   * group. Safe to call twice, and before or during the start.
   */
  stop(): Promise<void> {
    this.stopping ??= this.finish();
    return this.stopping;
  }

  private get explored(): HandlerRegistry {
    return (this.registry ??= this.explorer.explore());
  }

  private async subscribe(): Promise<void> {
    const { topics, publishedTopics } = this.explored;
    if (topics.length === 0 || this.stopping) return;
    const deadLetters = topics.map((topic) => topic + DEAD_LETTER_SUFFIX);
    await this.log.ensureTopics([...new Set([...topics, ...publishedTopics, ...deadLetters])]);
    if (this.stopping) return;
    const { commands, events, deadLetters: letters } = this;
    const processors = { commands, events, deadLetters: letters };
    this.dispatcher = new RecordDispatcher(this.explored, this.log, processors, this.options, () =>
      this.scheduler.now(),
    );
    this.subscription = await this.log.consume(this.options.name, topics, this.dispatcher);
  }

  private async finish(): Promise<void> {
    // The one who called start hears of its failure.
    await this.starting?.catch(() => undefined);
    await this.dispatcher?.stop(this.options.drainTimeout);
    await this.subscription?.stop();
  }
}
