import { MissingTopicsError } from '../log.errors.js';
import type { KafkaOptions } from '../log.options.js';
import { Backoff } from './backoff.js';
import type { KafkaAdmin } from './kafka.admin.js';
import { isMissingTopic, unavailable } from './kafka.failure.js';

/** How often a topic or a partition is looked for before it is called missing: a broker may hear of a new one a little later. */
export const LOOKS = 4;

/** What is known of a topic: the leader of each partition, undefined while it has none. */
export interface KnownTopic {
  readonly leaders: readonly (number | undefined)[];
}

/** Knows the partitions of topics, and asks again every `metadataMaxAge`, when somebody needs them. */
export class TopicCatalog {
  private readonly known = new Map<string, KnownTopic & { askedAt: number }>();
  private readonly asking = new Map<string, Promise<KnownTopic>>();

  constructor(
    private readonly admin: KafkaAdmin,
    private readonly options: KafkaOptions,
    private readonly signal: AbortSignal,
  ) {}

  /** What is known without waiting; what is old is asked for in the background. */
  peek(topic: string): KnownTopic | undefined {
    const known = this.known.get(topic);
    if (known && performance.now() - known.askedAt > this.options.metadataMaxAge) {
      known.askedAt = performance.now(); // also where nobody answers: not each record may try again
      this.refresh(topic).catch(() => undefined); // what is known serves on
    }
    return known;
  }

  /**
   * What is known, asked for where nothing is.
   * @throws {MissingTopicsError} `topics_missing`
   * @throws {LogUnavailableError} `log_unavailable`
   */
  async get(topic: string): Promise<KnownTopic> {
    return this.peek(topic) ?? this.confirm(topic);
  }

  /** Asks the brokers, again where they know nothing of it. @throws as {@link get} */
  async confirm(topic: string): Promise<KnownTopic> {
    const backoff = new Backoff();
    for (let look = 1; ; look++) {
      try {
        return await this.refresh(topic);
      } catch (error) {
        if (!(error instanceof MissingTopicsError) || look === LOOKS) throw error;
        await backoff.pause(this.signal);
      }
    }
  }

  /** Asks the brokers once. @throws as {@link get} */
  refresh(topic: string): Promise<KnownTopic> {
    let asked = this.asking.get(topic);
    if (!asked) {
      asked = this.ask(topic).finally(() => this.asking.delete(topic));
      this.asking.set(topic, asked);
    }
    return asked;
  }

  private async ask(topic: string): Promise<KnownTopic> {
    try {
      const known = { leaders: await this.admin.leadersOf(topic), askedAt: performance.now() };
      this.known.set(topic, known);
      return known;
    } catch (error) {
      if (isMissingTopic(error)) {
        this.known.delete(topic);
        throw missing(topic, error);
      }
      throw unavailable(`learning about topic "${topic}"`, this.options.brokers, error);
    }
  }
}

function missing(topic: string, cause: unknown): MissingTopicsError {
  return new MissingTopicsError(
    `There is no topic "${topic}". Create it, or let ensureTopics do it (kafka.createTopics).`,
    { cause },
  );
}
