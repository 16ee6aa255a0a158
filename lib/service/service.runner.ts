import { Inject, Injectable, Optional } from '@nestjs/common';
import { abortable } from '../log/abortable.js';
import { MESSAGE_LOG } from '../log/log.constants.js';
import type { MessageLog, Subscription } from '../log/message.log.js';
import { TIMEOUT_SCHEDULER } from '../timeout/timeout.constants.js';
import type { TimeoutScheduler } from '../timeout/timeout.scheduler.js';
import { CommandProcessor } from './handling/command.processor.js';
import { DEAD_LETTER_SUFFIX } from '../message/dead-letter.headers.js';
import { DeadLetters } from './publishing/dead-letter.js';
import { EventProcessor } from './handling/event.processor.js';
import { HandlerExplorer } from './declaration/handler.explorer.js';
import type { HandlerRegistry } from './declaration/handler.registry.js';
import { LateProcessor } from './handling/late.processor.js';
import type { Inbox } from './inbox/inbox.js';
import { INBOX } from './inbox/inbox.constants.js';
import { retryTopics } from './retry/retry.topic.js';
import { dispatchLag } from './dispatch/dispatch.lag.js';
import { RecordDispatcher } from './dispatch/record.dispatcher.js';
import { ServiceMetrics } from './service.metrics.js';
import { ServiceOptions } from './service.options.js';

/** Runs this application's handlers: finds them, subscribes to their topics, and stops without losing what runs. */
@Injectable()
export class ServiceRunner {
  private registry?: HandlerRegistry;
  private dispatcher?: RecordDispatcher;
  private subscription?: Subscription;
  private starting?: Promise<void>;
  private stopping?: Promise<void>;
  private unwatch?: () => void;
  private readonly closing = new AbortController();

  constructor(
    private readonly explorer: HandlerExplorer,
    private readonly commands: CommandProcessor,
    private readonly events: EventProcessor,
    private readonly lates: LateProcessor,
    private readonly deadLetters: DeadLetters,
    private readonly options: ServiceOptions,
    @Inject(MESSAGE_LOG) private readonly log: MessageLog,
    @Inject(TIMEOUT_SCHEDULER) private readonly scheduler: TimeoutScheduler,
    private readonly metrics: ServiceMetrics,
    @Optional() @Inject(INBOX) private readonly inbox?: Inbox,
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
   * Makes sure of the topics that are read and written, and of those of their dead letters.
   * @throws {LogUnavailableError} `log_unavailable`
   * @throws {MissingTopicsError} `topics_missing`
   */
  async ensureTopics(): Promise<void> {
    const { topics, publishedTopics } = this.explored;
    if (topics.length === 0) return;
    const deadLetters = topics.map((topic) => topic + DEAD_LETTER_SUFFIX);
    await this.log.ensureTopics([...new Set([...topics, ...publishedTopics, ...deadLetters, ...this.retryTopics])]);
  }

  /**
   * Joins the group; {@link ensureTopics} comes before. An application without handlers joins none: it would take partitions
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

  /** Where records wait for another attempt that need not keep their order; none where all keep it. */
  private get retryTopics(): readonly string[] {
    return this.explored.retriesElsewhere ? retryTopics(this.options.name) : [];
  }

  private get explored(): HandlerRegistry {
    return (this.registry ??= this.explorer.explore());
  }

  private async subscribe(): Promise<void> {
    const { explored: registry, commands, events, lates, deadLetters } = this;
    if (registry.topics.length === 0 || this.closing.signal.aborted) return;
    await this.inbox?.start?.(`${this.log.clusterId}:${this.options.name}`);
    const processors = { commands, events, lates, deadLetters };
    this.dispatcher = new RecordDispatcher(registry, this.log, processors, this.options, this.scheduler);
    this.unwatch ??= this.metrics.watch(() => dispatchLag(this.log, this.dispatcher!.progress));
    this.subscription = await this.join([...registry.topics, ...this.retryTopics], this.dispatcher);
  }

  /** Undefined where it is stopped meanwhile: a group whose members died unseen lets nobody in for a minute. */
  private async join(topics: readonly string[], member: RecordDispatcher): Promise<Subscription | undefined> {
    const { signal } = this.closing;
    const joining = this.log.consume(this.options.name, topics, member, signal);
    try {
      return await abortable([signal], () => joining);
    } catch (error) {
      if (!signal.aborted) throw error;
      // What is let in after all leaves at once; the log's close ends what is not.
      void joining.then((late) => late.stop()).catch(() => undefined);
      return undefined;
    }
  }

  private async finish(): Promise<void> {
    this.closing.abort();
    // The one who called start hears of its failure.
    await this.starting?.catch(() => undefined);
    this.unwatch?.();
    await this.dispatcher?.stop(this.options.drainTimeout);
    await this.inbox?.stop?.();
    await this.subscription?.stop();
  }
}
