import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  CommandHandler,
  KafkaSocketHealth,
  KafkaSocketModule,
  MemoryMessageLog,
  type MessageLog,
} from 'nestjs-kafka-socket';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { launchApp, startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { turns } from './support/odd.log.js';
import { RawClient } from './support/raw.client.js';
import { writeResult } from './support/written.result.js';

describe('an application that is stopped while it starts', { timeout: 5_000 }, () => {
  it('stops, though it would never be done with reading the log back', async () => {
    const log = new MemoryMessageLog();
    const { topic } = auction();
    await log.connect();
    await log.ensureTopics([topic]);
    await log.publish({ topic, key: null, value: 'null', headers: {} });
    const tail = log.tail.bind(log);
    let reading = false;
    const onBatch = (): Promise<void> => {
      reading = true;
      return new Promise(() => undefined);
    };
    log.tail = (options) => tail({ ...options, onBatch });
    const { stop } = await launchApp({ log, gateway: { topics: [topic] } });
    await expect.poll(() => reading).toBe(true);

    await stop();
  });

  it('stops, though it has not even begun to read the log back', async () => {
    const log = new MemoryMessageLog();
    const { topic } = auction();
    const tail = log.tail.bind(log);
    let begin: (() => void) | undefined;
    log.tail = async (options) => {
      await new Promise<void>((resolve) => (begin = resolve));
      return tail({ ...options, onBatch: () => new Promise(() => undefined) });
    };
    const { stop, url } = await launchApp({ log, gateway: { topics: [topic] } });
    await expect.poll(() => begin).toBeDefined();
    await log.publish({ topic, key: null, value: 'null', headers: {} });

    const stopped = stop();
    const late = await RawClient.connect(url);
    expect(await late.closed).toMatchObject({ code: 4001 }); // so it has heard of the stop
    begin!();

    await stopped;
  });
});

describe('an application that is stopped while the log is away', { timeout: 5_000 }, () => {
  it.each([
    ['what the log holds', 'offsets'],
    ['the record of a request', 'publish'],
  ] as const)('says goodbye in time, though it never hears of %s', async (_, asking) => {
    const log = new MemoryMessageLog();
    const { topic } = auction();
    const { url, stop } = await startApp({ log, gateway: { topics: [topic], drainTimeout: 50 } });
    const client = await RawClient.welcome(url);
    let asked = false;
    log[asking] = () => {
      asked = true;
      return new Promise<never>(() => undefined);
    };
    client.request(topic, 'Nobody', {}, { ttl: 60_000 });
    if (asking === 'publish') await expect.poll(() => asked).toBe(true);
    else await client.next('accepted');

    await stop();

    expect(await client.closed).toMatchObject({ code: 4001 });
    expect(asked).toBe(true);
  });
});

/** Keeps the next record from being written, until what this resolves with is called. */
function holdNextRecord(log: MessageLog, written: () => void = () => undefined): Promise<() => void> {
  const publish = log.publish.bind(log);
  return new Promise((held) => {
    log.publish = async (record) => {
      log.publish = publish;
      await new Promise<void>((write) => held(write));
      written();
      return publish(record);
    };
  });
}

describe('an application that is being stopped', () => {
  it('is not ready any more, and lets nobody in, while it finishes what is under way', async () => {
    const log = new MemoryMessageLog();
    const { topic } = auction();
    const { app, url, stop } = await startApp({ log, gateway: { topics: [topic], drainTimeout: 20_000 } });
    const client = await RawClient.welcome(url);
    const held = holdNextRecord(log);
    client.request(topic, 'Nobody', {});
    const write = await held;

    const stopped = stop();

    const late = await RawClient.connect(url);
    expect(await late.closed).toMatchObject({ code: 4001 });
    expect(app.get(KafkaSocketHealth).check()).toMatchObject({
      ready: false,
      details: { gateway: 'the gateway is shutting down' },
    });
    write();
    await client.next('accepted');
    expect(await client.closed).toMatchObject({ code: 4001 });
    await stopped;
  });
});

describe('an application that says goodbye to its clients', { timeout: 10_000 }, () => {
  /** One that is being stopped, and has said goodbye to the first of its clients; to the others it will when time goes on. */
  async function stopping() {
    const log = new MemoryMessageLog();
    const { topic } = auction();
    const { url, stop } = await startApp({ log, gateway: { topics: [topic], goodbyeWindow: 60_000 } });
    const [first, second] = [await RawClient.welcome(url), await RawClient.welcome(url)];
    const clock = vi.spyOn(performance, 'now').mockReturnValue(performance.now());
    const goOn = (): void => clock.mockRestore();
    onTestFinished(goOn);
    const stopped = stop();
    expect(await first.closed).toMatchObject({ code: 4001 });
    return { log, topic, second, goOn, stopped };
  }

  it('serves each of them until its own goodbye', async () => {
    const { log, topic, second, goOn, stopped } = await stopping();

    const requestId = second.request(topic, 'Nobody', {});
    const [, partition] = (await second.next('accepted')).data.at;
    await writeResult(log, second, topic, partition, requestId, { status: 'success', value: 1 });
    expect(await second.outcome(topic, requestId)).toEqual({ status: 'success', value: 1 });

    goOn();
    await stopped;
    expect(await second.closed).toMatchObject({ code: 4001 });
  });

  it('writes what they asked for meanwhile before it lets go of the log', async () => {
    const { log, topic, second, goOn, stopped } = await stopping();
    const order: string[] = [];
    const held = holdNextRecord(log, () => order.push('written'));
    const close = log.close.bind(log);
    log.close = () => (order.push('closed'), close());

    second.request(topic, 'Nobody', {});
    const write = await held;
    goOn();
    await second.closed;
    await turns(100); // longer than it takes where nothing is waited for
    write();

    await stopped;
    expect(order).toEqual(['written', 'closed']);
  });

  it('is done long before its window is over, where they are few', async () => {
    const { goOn, stopped } = await stopping();

    goOn();

    await stopped; // or the test takes too long
  });
});

describe('an application that shares its log', () => {
  async function start() {
    const log = new MemoryMessageLog();
    const house = auction();
    const { url } = await startApp({ log, gateway: { topics: [house.topic] } }, [house.Bidding]);
    const works = async (): Promise<void> => {
      const client = await RawClient.welcome(url);
      const requestId = client.request(house.topic, 'PlaceBid', { lot: 1, amount: 20 });
      expect(await client.outcome(house.topic, requestId)).toMatchObject({ status: 'success' });
    };
    return { log, works };
  }

  it('goes on when another one is closed twice', { timeout: 5_000 }, async () => {
    const { log, works } = await start();
    const { app } = await startApp({ log });

    await app.close();
    await app.close();

    await works();
  });

  it('goes on when another one is closed that never began', { timeout: 5_000 }, async () => {
    class NoAddress {}
    @Injectable()
    class Wrong {
      @CommandHandler(NoAddress)
      handle(): void {}
    }
    const { log, works } = await start();
    const imports = [KafkaSocketModule.forRoot({ service: 'wrong', log })];
    const module = await Test.createTestingModule({ imports, providers: [Wrong] }).compile();
    const app = module.createNestApplication({ logger: false });
    await expect(app.init()).rejects.toThrow('NoAddress');

    await app.close();

    await works();
  });
});
