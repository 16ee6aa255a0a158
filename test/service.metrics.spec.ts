import { Injectable } from '@nestjs/common';
import { metrics } from '@opentelemetry/api';
import { CommandAddress, CommandHandler, CommandRejectedError, MemoryMessageLog } from 'nestjs-kafka-socket';
import { describe, expect, it, vi } from 'vitest';
import { startApp } from './support/app.js';
import { Measurements } from './support/measurements.js';
import { RawClient } from './support/raw.client.js';
import { request } from './support/service.js';

const service = 'workshop';

/** A measured service whose work ends when the test says so. */
async function start(options: Parameters<typeof startApp>[0] = {}) {
  const measured = Measurements.begin();
  const topic = `work-${crypto.randomUUID()}`;
  const held: (() => void)[] = [];

  @CommandAddress(topic, 'Hold')
  class Hold {}

  @CommandAddress(topic, 'Reject')
  class Reject {}

  @Injectable()
  class Worker {
    @CommandHandler(Hold)
    hold(): Promise<void> {
      return new Promise((resolve) => held.push(resolve));
    }

    @CommandHandler(Reject)
    reject(): never {
      throw new CommandRejectedError('NO', 'No.');
    }
  }

  const app = await startApp({ service, ...options, gateway: { topics: [topic] } }, [Worker]);
  const client = await RawClient.welcome(app.url);
  const ask = (command: string, key: string) => client.request(topic, command, {}, { key });
  const value = (name: string, attributes = {}) =>
    measured.of(`kafka_socket.service.${name}`, { service, ...attributes });
  const holds = (count: number) => vi.waitUntil(() => held.length === count);
  return { ...app, topic, held, holds, client, ask, value };
}

describe('what a service measures of its handlers', () => {
  it('is how many are under way, and how long each took, by how it ended', async () => {
    const { ask, holds, held, client, topic, value } = await start();
    const handler = 'Worker.hold';
    const ids = [ask('Hold', 'a'), ask('Hold', 'b')];
    await holds(2);
    expect(await value('in_flight', { handler })).toBe(2);
    expect(await value('handler.duration', { handler })).toBeUndefined();

    for (const release of held) release();
    for (const id of [...ids, ask('Reject', 'c')]) await client.outcome(topic, id);

    expect(await value('in_flight', { handler })).toBe(0);
    expect(await value('handler.duration', { handler, outcome: 'success' })).toMatchObject({ count: 2 });
    expect(await value('handler.duration', { outcome: 'rejected' })).toMatchObject({ count: 1 });
  });

  it('is how old a record was when its handler got it: what waits behind another of its key is older', async () => {
    const { ask, holds, held, client, topic, value } = await start();
    const begun = Date.now();
    ask('Hold', 'a');
    await holds(1);
    const second = ask('Hold', 'a');
    await vi.waitUntil(async () => (await value('age'))! && Date.now() - begun > 120);
    held[0]!();
    await holds(2);
    held[1]!();
    await client.outcome(topic, second);

    const { sum, count } = (await value('age')) as { sum: number; count: number };
    expect(count).toBe(2);
    expect(sum).toBeGreaterThan(0.05);
    expect(sum).toBeLessThan((2 * (Date.now() - begun)) / 1_000);
  });

  it('is how many records of a partition are not finished', async () => {
    const { ask, holds, held, client, topic, value } = await start({ memory: { partitions: 1 } });
    const ids = [ask('Hold', 'a'), ask('Reject', 'b'), ask('Reject', 'c')];
    await holds(1);
    const place = { topic, partition: 0 };
    await expect.poll(() => value('lag', place)).toBe(5); // the three commands, and two results behind the first

    held[0]!();
    for (const id of ids) await client.outcome(topic, id);
    await expect.poll(() => value('lag', place)).toBe(0);
  });

  it('is no lag of partitions that went to another process, which says it from then on', async () => {
    const [log, topic] = [new MemoryMessageLog(), `shared-${crypto.randomUUID()}`];
    @CommandAddress(topic, 'Hold')
    class Hold {}
    @Injectable()
    class Worker {
      @CommandHandler(Hold)
      hold(): Promise<void> {
        return new Promise(() => undefined);
      }
    }
    // Each with a provider of its own, as processes have.
    const member = async () => {
      const measured = Measurements.begin();
      await startApp({ service, log, handlers: { drainTimeout: 10 } }, [Worker]);
      metrics.disable();
      const lag = (partition: number) => measured.of('kafka_socket.service.lag', { service, topic, partition });
      return async () => [await lag(0), await lag(1)];
    };
    const first = await member();
    for (const partition of [0, 1]) await request(log, topic, 'Hold', {}, { partition });
    await expect.poll(first).toEqual([1, 1]);

    const second = await member();
    await expect.poll(second).toContain(1);

    const all = async () => [...(await first()), ...(await second())].filter((lag) => lag === 1);
    await expect.poll(all).toEqual([1, 1]);
  });
});
