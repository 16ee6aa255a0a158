import { MESSAGE_LOG, type MessageLog } from 'nestjs-kafka-socket';
import { describe, expect, it } from 'vitest';
import { KafkaMessageLog } from '../lib/log/kafka/kafka.message.log.js';
import { connected, fresh, kafkaOptions } from './fixtures/log.adapters.js';
import { type Backend, BACKENDS, shared, startApp } from './support/app.js';
import { RawClient, rawIdentity } from './support/raw.client.js';

const CLIENTS = 300;
const MISSED = 300;
const PARTITIONS = 3;
const VALUE = JSON.stringify('x'.repeat(200));

/** A gateway that remembers nothing, a log that holds what was missed, and how often that is read. */
async function start(backend: Backend) {
  const topic = fresh('auction');
  const options = shared(backend);
  const gateway = { topics: [topic], broadcast: { '*': 'data' } as const, limits: { ring: 1 } };
  const { app, url } = await startApp({ ...options, gateway });
  const reading = app.get<MessageLog>(MESSAGE_LOG);
  const writing = options.log ?? (await connected([new KafkaMessageLog(kafkaOptions())]))[0]!;
  const headers = { ce_specversion: '1.0', ce_id: '1', ce_source: '/test', ce_type: 'event.Bid.Created' };
  const write = async (count: number): Promise<void> => {
    const record = (index: number) => ({ topic, partition: index % PARTITIONS, key: 'lot-1', value: VALUE, headers });
    await Promise.all(Array.from({ length: count }, (_, index) => writing.publish(record(index))));
  };
  const reads = { count: 0 };
  const read = reading.read.bind(reading);
  reading.read = (...range) => {
    reads.count++;
    return read(...range);
  };
  return { topic, url, write, reads };
}

describe.each(BACKENDS)('hundreds of clients that come back at once, on %s', (backend) => {
  it('get all that they missed, for a handful of reads', { timeout: 60_000 }, async () => {
    const { topic, url, write, reads } = await start(backend);
    const { positions, epoch } = (await RawClient.welcome(url)).welcomed;
    await write(MISSED);
    const identity = await rawIdentity();
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => RawClient.connect(url, { identity })));

    const began = performance.now();
    for (const client of clients) client.hello({ channels: [topic], positions, epoch });
    const recovered = await Promise.all(clients.map((client) => client.next('recovered')));

    const took = performance.now() - began;
    console.log(
      `${backend}: ${Math.round((CLIENTS / took) * 1_000)} clients/s, ${reads.count} reads for ${CLIENTS} clients`,
    );
    expect(new Set(recovered.map(({ data }) => JSON.stringify(data)))).toEqual(
      new Set([JSON.stringify({ topic, complete: true, count: MISSED })]),
    );
    // Each partition may be read in pieces, but not once for each client.
    expect(reads.count).toBeLessThan(PARTITIONS * 10);
  });

  it('keep nobody waiting who has come back before them, or who reads nothing', { timeout: 60_000 }, async () => {
    const { topic, url, write } = await start(backend);
    const { positions, epoch } = (await RawClient.welcome(url)).welcomed;
    const live = await RawClient.welcome(url, { channels: [topic] });
    await write(MISSED);
    const identity = await rawIdentity();
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => RawClient.connect(url, { identity })));
    for (const deaf of clients.slice(0, CLIENTS / 3)) deaf.socket.pause();

    for (const client of clients) client.hello({ channels: [topic], positions, epoch });
    await write(MISSED);
    await Promise.all(clients.slice(CLIENTS / 3).map((client) => client.next('recovered')));

    const isEvent = ({ event }: { event: string }): boolean => event.endsWith('/broadcast');
    await expect.poll(() => live.unread.filter(isEvent).length, { timeout: 20_000 }).toBe(2 * MISSED);
  });
});
