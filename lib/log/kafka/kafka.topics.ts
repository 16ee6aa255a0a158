import { messageOf } from '../../kafka-socket.error.js';
import { MissingTopicsError } from '../log.errors.js';
import type { KafkaOptions, TopicCreationOptions } from '../log.options.js';
import { checkTopicNames } from '../topic.names.js';
import type { KafkaAdmin } from './kafka.admin.js';
import { isRetriable, rootOf, typeOf, unavailable } from './kafka.failure.js';
import type { ReadingCluster } from './reading.cluster.js';
import type { TopicCatalog } from './topic.catalog.js';

/** How long making topics may take, in milliseconds. */
const CREATION_TIMEOUT = 10_000;

/**
 * Brokers keep the records of our topics unpacked, however somebody packs them: kafkajs reads no LZ4, Snappy or Zstandard. Not
 * `gzip`, which it reads: every reader would unpack each record again, and our own producer does not pack.
 */
const READABLE = [{ name: 'compression.type', value: 'uncompressed' }];

/** Makes sure that topics exist. */
export class KafkaTopics {
  constructor(
    private readonly admin: KafkaAdmin,
    private readonly catalog: TopicCatalog,
    private readonly reading: ReadingCluster,
    private readonly options: KafkaOptions,
  ) {}

  /** See {@link MessageLog.ensureTopics}. */
  async ensure(topics: readonly string[]): Promise<void> {
    checkTopicNames(topics);
    const missing = await this.missingOf([...new Set(topics)]);
    if (missing.length === 0) return;
    const { createTopics } = this.options;
    if (createTopics === false) throw notThere(missing);
    await this.create(missing, createTopics);
    // A broker may be named as leader before it serves a partition: who wrote to it now would have to write again. It serves it
    // once it knows the offsets. Who came second to make the topic sees it a moment later.
    await Promise.all(missing.map((topic) => this.reading.offsets(topic)));
  }

  private async missingOf(topics: readonly string[]): Promise<string[]> {
    const looked = await Promise.allSettled(topics.map((topic) => this.catalog.refresh(topic)));
    const failure = looked.find((one) => one.status === 'rejected' && !(one.reason instanceof MissingTopicsError));
    if (failure) throw (failure as PromiseRejectedResult).reason;
    return topics.filter((_, index) => looked[index]!.status === 'rejected');
  }

  private async create(
    topics: readonly string[],
    { partitions, replicationFactor }: TopicCreationOptions,
  ): Promise<void> {
    try {
      const wanted = topics.map((topic) => ({
        topic,
        numPartitions: partitions,
        replicationFactor,
        configEntries: READABLE,
      }));
      await this.admin.createTopics(wanted, CREATION_TIMEOUT);
    } catch (error) {
      // Others create the same topics at the same time.
      const refused = refusalsIn(error).filter((one) => typeOf(one) !== 'TOPIC_ALREADY_EXISTS');
      if (refused.length === 0 && refusalsIn(error).length > 0) return;
      if (refused.every(isRetriable)) throw unavailable('creating topics', this.options.brokers, refused[0] ?? error);
      throw new MissingTopicsError(
        `Topics are missing and could not be created: ${refused.map(reasonOf).join('; ')}. ` +
          'Create them yourself, or look at kafka.createTopics and at the rights of this client.',
        { cause: error },
      );
    }
  }
}

/** What kafkajs gathered of several topics' errors, or the one that a broker answered with. */
function refusalsIn(error: unknown): unknown[] {
  const root = rootOf(error) as { errors?: unknown[] };
  if (Array.isArray(root.errors)) return root.errors;
  return typeOf(error) ? [root] : [];
}

function reasonOf(error: unknown): string {
  const { topic } = error as { topic?: string };
  return `${topic ? `"${topic}": ` : ''}${typeOf(error) ?? ''} ${messageOf(error)}`;
}

function notThere(topics: readonly string[]): MissingTopicsError {
  const names = topics.map((topic) => `"${topic}"`).join(', ');
  return new MissingTopicsError(
    `There ${topics.length === 1 ? 'is no topic' : 'are no topics'} ${names}, and kafka.createTopics is false. ` +
      'Create what is missing, or let the option create it.',
  );
}
