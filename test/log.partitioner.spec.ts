import fc from 'fast-check';
import { Partitioners } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { murmur2, partitionOf } from '../lib/log/key.partitioner.js';
import { dealPartitions } from '../lib/log/partition.dealer.js';

describe('the partition of a key', () => {
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])("comes from Kafka's own hash: %s", (key, hash) => {
    // The vectors of org.apache.kafka.common.utils.UtilsTest.
    expect(murmur2(Buffer.from(key))).toBe(hash);
  });

  it('is that of kafkajs for any key and count', () => {
    const theirs = Partitioners.DefaultPartitioner();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.integer({ min: 1, max: 200 }), (bytes, count) => {
        const key = Buffer.from(bytes);
        const partitionMetadata = Array.from({ length: count }, (_, id) => ({ partitionId: id, leader: 1 }) as never);
        expect(partitionOf(key, count)).toBe(theirs({ topic: 't', partitionMetadata, message: { key, value: '' } }));
      }),
    );
  });

  it('is the same for text and for its bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (key) => partitionOf(key, 97) === partitionOf(Buffer.from(key), 97)),
    );
  });
});

describe('dealing partitions', () => {
  const topics = fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1 });
  const members = fc.uniqueArray(fc.record({ id: fc.string(), topics }), {
    minLength: 1,
    maxLength: 8,
    selector: ({ id }) => id,
  });
  const counts = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 1, max: 12 }));

  it('gives each partition that somebody reads to one who reads it, whatever the order of members', () => {
    fc.assert(
      fc.property(members, counts, (readers, partitions) => {
        const hands = dealPartitions(readers, new Map(Object.entries(partitions)));
        const dealt = [...hands].flatMap(([id, hand]) => hand.map((one) => ({ id, ...one })));
        const reads = new Set<string>(readers.flatMap((reader) => reader.topics));
        const read = Object.keys(partitions).filter((topic) => reads.has(topic));

        expect(dealt).toHaveLength(read.reduce((sum, topic) => sum + partitions[topic]!, 0));
        expect(new Set(dealt.map(({ topic, partition }) => `${topic}/${partition}`)).size).toBe(dealt.length);
        expect(
          dealt.every(({ id, topic }) => (readers.find((one) => one.id === id)!.topics as string[]).includes(topic)),
        ).toBe(true);
        expect(dealPartitions([...readers].reverse(), new Map(Object.entries(partitions).reverse()))).toEqual(hands);
      }),
    );
  });

  it('gives nobody more than one above another who reads the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 30 }), (count, partitions) => {
        const readers = Array.from({ length: count }, (_, id) => ({ id: `m${id}`, topics: ['a'] }));
        const sizes = [...dealPartitions(readers, new Map([['a', partitions]])).values()].map((hand) => hand.length);

        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });
});
