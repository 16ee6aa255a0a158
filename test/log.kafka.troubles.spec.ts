import { Logger } from '@nestjs/common';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { KafkaProducer, Produced, ProducedBatch } from '../lib/log/kafka/kafka.producer.js';
import { KafkaPublisher } from '../lib/log/kafka/kafka.publisher.js';
import { PartitionFetcher } from '../lib/log/kafka/partition.fetcher.js';
import { PartitionReading } from '../lib/log/kafka/partition.reading.js';
import type { ReadingCluster } from '../lib/log/kafka/reading.cluster.js';
import { SharedFetches } from '../lib/log/kafka/shared.fetches.js';
import type { TopicCatalog } from '../lib/log/kafka/topic.catalog.js';
import type { KafkaOptions } from '../lib/log/log.options.js';
import { LogTroubles } from '../lib/log/log.troubles.js';
import { eventually, kafkaOptions, logged, numbers, record } from './fixtures/log.adapters.js';

const troubles = () => new LogTroubles(new Logger('log'));

/** Brokers whose answers, and whose leaders, a test decides. */
class Scene {
  leaders: (number | undefined)[] = [1, 1];
  answer: (leader: number, batches: readonly ProducedBatch[]) => Promise<Produced[]> = written;
  readonly troubles = troubles();
  readonly publisher: KafkaPublisher;

  constructor(options: Partial<KafkaOptions> = {}) {
    const known = () => ({ leaders: this.leaders });
    const catalog = {
      peek: known,
      get: async () => known(),
      refresh: async () => known(),
      confirm: async () => known(),
    };
    const producer = { send: (leader: number, batches: ProducedBatch[]) => this.answer(leader, batches) };
    this.publisher = new KafkaPublisher(
      producer as unknown as KafkaProducer,
      catalog as unknown as TopicCatalog,
      kafkaOptions(options),
      this.troubles,
    );
    onTestFinished(() => this.publisher.close());
  }

  publish(partition: number, value = 'x'): ReturnType<KafkaPublisher['publish']> {
    return this.publisher.publish(record('topic', value, { partition }));
  }
}

async function written(_leader: number, batches: readonly ProducedBatch[]): Promise<Produced[]> {
  return batches.map(() => ({ offset: 0n }));
}

function brokerError(type: string): Error {
  return Object.assign(new Error(type), { type });
}

describe('a partition that its broker refuses to write', () => {
  it('does not hold up the others of that broker', async () => {
    const scene = new Scene({ publishTimeout: 3_000 });
    scene.answer = async (_leader, batches) =>
      batches.map(({ partition }) =>
        partition === 0 ? { error: brokerError('NOT_ENOUGH_REPLICAS') } : { offset: 0n },
      );
    let refused = false;
    const sick = scene.publish(0).catch((error: unknown) => {
      refused = true;
      return error;
    });

    for (const value of numbers(50)) await scene.publish(1, value); // all of them at once were one request

    expect(refused).toBe(false);
    expect(scene.troubles.first).toContain('NOT_ENOUGH_REPLICAS');
    expect(await sick).toMatchObject({ code: 'log_unavailable', message: expect.stringContaining('NOT_ENOUGH') });
  });
});

describe('records that are too large to go with others of their partition', () => {
  it('do not hold up the other partitions of their broker', async () => {
    const scene = new Scene();
    const requests: number[][] = [];
    scene.answer = async (leader, batches) => {
      requests.push(batches.map(({ partition }) => partition));
      return written(leader, batches);
    };
    const large = numbers(20).map(() => scene.publish(0, 'x'.repeat(300_000)));

    await scene.publish(1);

    expect(requests.length).toBeLessThanOrEqual(2);
    await Promise.all(large);
    expect(requests).toHaveLength(20);
  });

  it('are spread over requests that a broker takes', async () => {
    const scene = new Scene({ publishTimeout: 10_000 });
    scene.leaders = numbers(100).map(() => 1);
    const sizes: number[] = [];
    scene.answer = async (leader, batches) => {
      sizes.push(batches.flatMap(({ contents }) => contents).reduce((sum, { length }) => sum + length, 0));
      return written(leader, batches);
    };

    await Promise.all(scene.leaders.map((_, partition) => scene.publish(partition, 'x'.repeat(600_000))));

    expect(Math.max(...sizes)).toBeLessThan(20_000_000);
    expect(sizes.length).toBeGreaterThan(2);
  });
});

describe('the trouble of publishing', () => {
  it('ends though what could not be written was given up while its new leader was busy', async () => {
    const scene = new Scene({ publishTimeout: 400 });
    let answerAll!: () => void;
    const answered = new Promise<void>((resolve) => (answerAll = resolve));
    scene.answer = async (leader, batches) => {
      if (leader === 1) throw new Error('gone');
      await answered;
      return written(leader, batches);
    };
    scene.leaders = [1, 2];
    const busy = scene.publish(1).catch((error: unknown) => error);
    const moved = scene.publish(0).catch((error: unknown) => error);
    await eventually(() => expect(scene.troubles.first).toContain('gone'));
    scene.leaders = [2, 2];

    expect(await busy).toMatchObject({ code: 'log_unavailable', sent: true });
    expect(await moved).toMatchObject({ code: 'log_unavailable' });
    answerAll();

    await eventually(() => expect(scene.troubles.first).toBeUndefined());
  });

  it('is short again each time that a partition has no leader for a moment', async () => {
    const scene = new Scene({ publishTimeout: 2_500 });
    for (const value of numbers(7)) {
      scene.leaders = [undefined];
      const pending = scene.publish(0, value);
      await eventually(() => expect(scene.troubles.first).toContain('no leader'));
      scene.leaders = [1];
      await pending; // given up where the pause had grown with each of them
    }

    expect(scene.troubles.first).toBeUndefined();
  }, 20_000);
});

describe('a refusal', () => {
  it('of a record that an earlier attempt may have written is no proof that it is not in the log', async () => {
    const scene = new Scene();
    let attempts = 0;
    scene.answer = async (_leader, batches) => {
      if (++attempts === 1) throw new Error('hung up');
      return batches.map(() => ({ error: brokerError('POLICY_VIOLATION') }));
    };

    await expect(scene.publish(0)).rejects.toMatchObject({ code: 'log_unavailable', sent: true });
  });

  it('of one that was never in doubt is one', async () => {
    const scene = new Scene();
    scene.answer = async (_leader, batches) => batches.map(() => ({ error: brokerError('POLICY_VIOLATION') }));

    await expect(scene.publish(0)).rejects.toMatchObject({ code: 'record_refused' });
  });
});

describe('a broker that cannot be reached while another one answers', () => {
  it('is a trouble all the time, and is told once', async () => {
    const lines = logged();
    const all = troubles();
    const ending = new AbortController();
    let answers = 0;
    const cluster = {
      signal: ending.signal,
      leaderOf: ({ partition }: PartitionReading) => partition,
      refresh: async () => undefined,
      async fetch(leader: number) {
        if (leader === 1) throw new Error('connection refused');
        await new Promise(setImmediate);
        answers++;
        return [];
      },
    } as unknown as ReadingCluster;
    const fetcher = new PartitionFetcher(
      cluster,
      kafkaOptions(),
      all,
      'tail',
      new SharedFetches(),
      'source',
      () => undefined,
    );
    onTestFinished(() => fetcher.close());
    onTestFinished(() => ending.abort());
    const handler = { batch: () => undefined, failed: () => undefined, skipped: () => undefined };
    for (const partition of [1, 2]) fetcher.add(new PartitionReading('topic', partition, 0n, handler));
    await eventually(() => expect(all.first).toContain('connection refused'));

    const seen = new Set<string | undefined>();
    const enough = answers + 200;
    await eventually(() => {
      seen.add(all.first);
      expect(answers).toBeGreaterThan(enough);
    });

    expect([...seen]).toEqual([expect.stringContaining('broker 1')]);
    expect(lines).toHaveLength(1);
  });
});
