import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeBatch, encodeContent } from '../lib/log/kafka/record.encoding.js';

/** What kafkajs' producer makes of the same. */
const require = createRequire(import.meta.url);
const Record = require('kafkajs/src/protocol/recordBatch/record/v0') as (record: object) => object;
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0') as {
  RecordBatch(batch: object): Promise<{ buffer: Buffer }>;
};

const text = fc.string({ unit: 'binary', maxLength: 200 });
const bytes = fc.uint8Array({ maxLength: 20_000 }).map((array) => Buffer.from(array));
const field = fc.oneof(text, bytes);
const header = fc.oneof(field, fc.array(field, { maxLength: 3 }));
const record = fc.record({
  key: fc.option(field),
  value: fc.option(field),
  headers: fc.dictionary(text, header, { maxKeys: 12, noNullPrototype: true }),
});

describe('a batch of records', () => {
  it('has the bytes that kafkajs makes of it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 200 }), fc.date(), async (records, date) => {
        const time = Math.max(date.getTime() || 0, 0);
        const expected = await RecordBatch({
          records: records.map((one, offsetDelta) => Record({ ...one, offsetDelta, timestampDelta: 0 })),
          firstTimestamp: time,
          maxTimestamp: time,
          lastOffsetDelta: records.length - 1,
          producerEpoch: -1,
          firstSequence: -1,
        });
        const length = expected.buffer.readInt32BE(8);

        const encoded = encodeBatch(records.map(encodeContent), time);

        expect(encoded.equals(expected.buffer.subarray(0, 12 + length))).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it('leaves headers out that have no value', () => {
    const headers = { none: null, absent: undefined, given: 'x', empty: [] };

    const content = encodeContent({ key: null, value: null, headers });

    expect(content.equals(encodeContent({ key: null, value: null, headers: { given: 'x' } }))).toBe(true);
  });

  it('keeps the bytes as they were when it was made', () => {
    const value = Buffer.from('before');
    const content = encodeContent({ key: null, value, headers: {} });

    value.write('behind');

    expect(content.includes('before')).toBe(true);
  });
});
