import type { Logger } from '@nestjs/common';
import { messageOf } from '../../kafka-socket.error.js';
import type { RecordBatch } from '../../message/record.js';
import { CatchUp, type Stretch } from '../catch-up.js';
import { LogUnavailableError } from '../log.errors.js';
import type { KafkaOptions } from '../log.options.js';
import type { LogTroubles } from '../log.troubles.js';
import type { Tail, TailOptions } from '../message.log.js';
import type { TopicPartition } from '../partition.dealer.js';
import { PartitionFetcher } from './partition.fetcher.js';
import { PartitionReading } from './partition.reading.js';
import type { ReadingCluster } from './reading.cluster.js';
import type { SharedFetches } from './shared.fetches.js';

/** Reads all partitions of some topics, those that are added later from their start, by connections of its own. */
export class KafkaTail implements Tail {
  private readonly fetcher: PartitionFetcher;
  private readonly catchUp: CatchUp;
  private readonly topics: readonly string[];

  private constructor(
    private readonly cluster: ReadingCluster,
    private readonly tail: TailOptions,
    stretches: readonly Stretch[],
    options: KafkaOptions,
    shared: SharedFetches,
    private readonly troubles: LogTroubles,
    private readonly logger: Logger,
  ) {
    this.topics = [...new Set(tail.topics)];
    this.catchUp = new CatchUp(stretches);
    const part = `tail of ${this.topics.join(', ')}`;
    this.fetcher = new PartitionFetcher(cluster, options, troubles, part, shared, 'source', () => this.addNew());
    for (const stretch of stretches) this.add(stretch, stretch.from);
  }

  /** @throws as {@link MessageLog.tail} */
  static async start(
    cluster: ReadingCluster,
    tail: TailOptions,
    options: KafkaOptions,
    shared: SharedFetches,
    troubles: LogTroubles,
    logger: Logger,
  ): Promise<KafkaTail> {
    const stretches = await Promise.all(
      [...new Set(tail.topics)].map((topic) => stretchesOf(cluster, topic, tail.since)),
    );
    return new KafkaTail(cluster, tail, stretches.flat(), options, shared, troubles, logger);
  }

  get caughtUp(): Promise<void> {
    return this.catchUp.promise;
  }

  async stop(): Promise<void> {
    this.catchUp.abandon(new LogUnavailableError('Reading was stopped before all was read.', false));
    await this.cluster.close(this.fetcher.close());
  }

  private addNew(): void {
    for (const topic of this.topics) {
      for (const partition of this.cluster.partitionsOf(topic)) {
        if (!this.fetcher.has(topic, partition)) this.add({ topic, partition }, 0n);
      }
    }
  }

  private add({ topic, partition }: TopicPartition, from: bigint): void {
    const name = `${topic}/${partition}`;
    const part = `handling records of ${name}`;
    const reading = new PartitionReading(topic, partition, from, {
      batch: async (batch: RecordBatch) => {
        await this.tail.onBatch(batch);
        this.catchUp.passed(batch, batch.next);
        this.troubles.clear(part);
      },
      failed: (error) =>
        this.troubles.report(part, `A reader of ${name} failed and is called again: ${messageOf(error)}`),
      skipped: (next, start) => {
        this.logger.warn(`Offset ${next} of ${name} is not there any more. Reading goes on at ${start}.`);
        this.catchUp.passed(reading, start);
        this.tail.onLost?.({ topic, partition, from: next, to: start });
      },
    });
    this.fetcher.add(reading);
  }
}

async function stretchesOf(cluster: ReadingCluster, topic: string, since: number): Promise<Stretch[]> {
  const begins = await cluster.offsetsAt(topic, since);
  const offsets = await cluster.offsets(topic);
  return offsets.map(({ partition, start, end }) => ({ topic, partition, end, from: begins.get(partition) ?? start }));
}
