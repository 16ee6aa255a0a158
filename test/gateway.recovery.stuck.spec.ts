import { MemoryMessageLog } from 'nestjs-kafka-socket';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { startApp } from './support/app.js';
import { RawClient } from './support/raw.client.js';

const TOPIC = 'auction';

/** A gateway that hears no more of partition 0, in which something was written since, as in partition 1. */
async function start() {
  const log = new MemoryMessageLog({ partitions: 2, retention: 1_000 });
  const tail = log.tail.bind(log);
  let release = (): void => undefined;
  const stuck = { until: Promise.resolve() };
  log.tail = (options) =>
    tail({
      ...options,
      onBatch: async (batch) => {
        if (batch.partition === 0) await stuck.until;
        await options.onBatch(batch);
      },
    });
  const { url } = await startApp({ log, gateway: { topics: [TOPIC], broadcast: { '*': 'data' } } });
  const live = await RawClient.welcome(url, { channels: [TOPIC] });
  const { positions, epoch } = live.welcomed;
  const write = (partition: number, number: number) => {
    const headers = { ce_specversion: '1.0', ce_id: '1', ce_source: '/test', ce_type: 'event.Bid.Created' };
    return log.publish({ topic: TOPIC, partition, key: 'lot-1', value: String(number), headers });
  };
  stuck.until = new Promise((resolve) => (release = resolve));
  onTestFinished(() => release());
  await write(0, 1);
  await write(1, 2);
  await live.next(({ data }) => data.data === 2);
  return { url, write, hello: { channels: [TOPIC], positions, epoch }, release: () => release() };
}

describe('a partition that does not reach the gateway', () => {
  it('does not withhold the others from who comes back, whatever their order', async () => {
    const { url, write, hello, release } = await start();
    const back = await RawClient.welcome(url, hello);
    await back.next(({ data }) => data.data === 2);
    await write(1, 3);
    await back.next(({ data }) => data.data === 3); // though it is not live yet
    release();

    await back.next(({ data }) => data.data === 1);
    expect((await back.next('recovered')).data).toEqual({ topic: TOPIC, complete: true, count: 3 });
  });

  it('sends who waits for it to another gateway, instead of letting it wait for ever', async () => {
    const { url, write, hello } = await start();
    const back = await RawClient.welcome(url, hello);
    await back.next(({ data }) => data.data === 2);
    await write(1, 3);
    await back.next(({ data }) => data.data === 3); // of another round, so it has begun to wait
    const now = performance.now.bind(performance);
    vi.spyOn(performance, 'now').mockImplementation(() => now() + 10_001);
    onTestFinished(() => void vi.restoreAllMocks());

    expect(await back.closed).toMatchObject({ code: 4010 });
    expect(back.unread.map(({ event }) => event)).not.toContain('recovered');
  });
});
