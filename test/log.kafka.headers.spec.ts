import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type IHeaders, Kafka, logLevel } from 'kafkajs';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import type { RecordHeaders } from '../lib/message/record.js';
import { recordsOf } from './support/records.js';
import { fresh, openLog } from './support/service.js';

/** kafkajs by itself takes 17 seconds for the first of these. */
describe.skipIf(!inject('kafkaBrokers'))('a record with more headers than anybody needs', () => {
  it.each<[string, RecordHeaders]>([
    ['of different names', Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`h${i}`, 'x']))],
    ['of one name', { h: Array<string>(50_000).fill('x') }],
  ])('is read in no time: %s', async (_, headers) => {
    const log = await openLog('kafka');
    const topic = fresh('headers');
    await log.ensureTopics([topic]);
    await log.publish({ topic, partition: 0, key: null, value: '{}', headers });

    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const [record] = await recordsOf(log, topic);
    delay.disable();

    expect(Object.keys(record!.headers).length).toBe(Object.keys(headers).length);
    expect(Object.values(record!.headers).flat().length).toBe(Object.values(headers).flat().length);
    expect(delay.max / 1e6).toBeLessThan(1_000);
  });

  it('has those that are named like members of every object, each with all that it holds', async () => {
    const log = await openLog('kafka');
    const topic = fresh('headers');
    await log.ensureTopics([topic]);
    const producer = new Kafka({ brokers: inject('kafkaBrokers').split(','), logLevel: logLevel.NOTHING }).producer();
    await producer.connect();
    onTestFinished(() => producer.disconnect());
    const headers = JSON.parse('{"__proto__":["a"],"constructor":["b","c"],"toString":["d"],"h":["e"]}') as IHeaders;
    await producer.send({ topic, messages: [{ partition: 0, value: '{}', headers }] });

    const [record] = await recordsOf(log, topic);

    const read = Object.entries(record!.headers).map(([name, value]) => [name, [value].flat().map(String)]);
    expect(read).toEqual([
      ['__proto__', ['a']],
      ['constructor', ['b', 'c']],
      ['toString', ['d']],
      ['h', ['e']],
    ]);
    expect(Object.getPrototypeOf(record!.headers)).toBe(Object.prototype);

    await log.publish({ ...record!, partition: 1 }); // as a dead letter is written
    const copy = (await recordsOf(log, topic)).find(({ partition }) => partition === 1);
    expect(Object.entries(copy!.headers)).toEqual(Object.entries(record!.headers));
  });
});
