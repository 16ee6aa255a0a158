import { Controller, Injectable, Module } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { Test } from '@nestjs/testing';
import {
  type Command,
  CommandAddress,
  CommandHandler,
  InvalidHandlerError,
  InvalidOptionsError,
  KafkaSocketHealth,
  KafkaSocketModule,
  MemoryMessageLog,
  MessagePublisher,
} from 'nestjs-kafka-socket';
import { HandlerTester } from 'nestjs-kafka-socket/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { launchApp, startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { freePorts } from './support/free.ports.js';
import { RawClient } from './support/raw.client.js';

describe('options that cannot work', () => {
  it.each<[string, object, RegExp]>([
    ['no service', { service: undefined }, /"service" is missing/],
    ['an unknown option', { kafak: {} }, /"kafak" is not an option\. There are: service, kafka/],
    ['an unknown option further in', { gateway: { topics: ['a'], pth: '/' } }, /"gateway\.pth" is not an option/],
    ['no brokers', { kafka: {} }, /"kafka\.brokers" is empty/],
    ['no topics', { gateway: {} }, /"gateway\.topics" is empty/],
    ['a topic that is none', { gateway: { topics: ['a b'] } }, /"a b", which is no name of a Kafka topic/],
    ['a path without a slash', { gateway: { topics: ['a'], path: 'socket' } }, /"gateway\.path" is "socket"/],
    [
      'a number that is text',
      { handlers: { concurrency: '4' } },
      /"handlers\.concurrency" is string; it is a number from 1 up/,
    ],
    ['a number below its least', { handlers: { concurrency: 0 } }, /"handlers\.concurrency" is 0/],
    [
      'a heartbeat that overlaps',
      { gateway: { topics: ['a'], heartbeat: { timeout: 30_000 } } },
      /heartbeat\.timeout" \(30000 ms\) is not below/,
    ],
    [
      'a flush window that outlasts the heartbeat',
      { gateway: { topics: ['a'], flushWindow: 8_000 } },
      /flushWindow" \(8000 ms\) is not below "gateway\.heartbeat\.timeout" \(8000 ms\)/,
    ],
    [
      'a default above the maximum',
      { gateway: { topics: ['a'], ttl: { maximum: 5 } } },
      /"gateway\.ttl\.default" \(30000 ms\) is above/,
    ],
    [
      'a broadcast rule of another kind',
      { gateway: { topics: ['a'], broadcast: { 'Bid.*': 'all' } } },
      /"gateway\.broadcast" says "all"/,
    ],
    [
      'a broadcast rule for no type',
      { gateway: { topics: ['a'], broadcast: { Bid: 'data' } } },
      /"gateway\.broadcast" names "Bid"/,
    ],
    ['a text that is none', { gateway: { topics: ['a'], epoch: 2 } }, /"gateway\.epoch" is not a text/],
    ['a list that is none', { gateway: { topics: 'auction' } }, /"gateway\.topics" is not a list/],
    ['a room that is null', { gateway: { topics: ['a'], ttl: null } }, /"gateway\.ttl" is no object of options/],
    ['a room that is a number', { gateway: { topics: ['a'], heartbeat: 5 } }, /"gateway\.heartbeat" is no object/],
    ['a room that is false', { gateway: { topics: ['a'], limits: false } }, /"gateway\.limits" cannot be switched off/],
    ['rules that are null', { gateway: { topics: ['a'], broadcast: null } }, /"gateway\.broadcast" is not an object/],
    [
      'origins that are one text',
      { gateway: { topics: ['a'], origins: 'https://x' } },
      /"gateway\.origins" is not a list/,
    ],
    ['a list of other things', { gateway: { topics: [5] } }, /"gateway\.topics" holds something else than texts/],
    ['a hook that is none', { gateway: { topics: ['a'], authorize: 'x' } }, /"gateway\.authorize" is not a function/],
    ['two logs', { kafka: { brokers: ['b:9092'] }, log: new MemoryMessageLog() }, /"log" and "kafka" are both given/],
  ])('stop the start: %s', (_, options, message) => {
    const start = () => KafkaSocketModule.forRoot({ service: 'auction', ...options });
    expect(start).toThrow(InvalidOptionsError);
    expect(start).toThrow(message);
  });

  it('are told all at once', () => {
    expect(() => KafkaSocketModule.forRoot({ service: '', kafka: {}, gateway: {} })).toThrow(
      /service[^]*kafka\.brokers[^]*gateway\.topics/,
    );
  });

  it('do not arise from an explicit undefined', () => {
    expect(() =>
      KafkaSocketModule.forRoot({ service: 'a', kafka: undefined, gateway: { topics: ['a'], path: undefined } }),
    ).not.toThrow();
  });
});

describe('options from a factory', () => {
  it('make the same module', async () => {
    const { topic, Bidding } = auction();
    const module = await Test.createTestingModule({
      imports: [
        KafkaSocketModule.forRootAsync({
          gateway: true,
          useFactory: async () => ({ service: 'auction', gateway: { topics: [topic], path: '/live' } }),
        }),
      ],
      providers: [Bidding],
    }).compile();
    const app = module.createNestApplication({ logger: false });
    onTestFinished(() => app.close());
    app.useWebSocketAdapter(new WsAdapter(app));
    await app.listen(0, '127.0.0.1');

    const client = await RawClient.welcome(`${(await app.getUrl()).replace('http', 'ws')}/live`);

    expect(await client.outcome(topic, client.request(topic, 'PlaceBid', { lot: 1, amount: 20 }))).toMatchObject({
      status: 'success',
    });
  });

  it.each([
    [true, undefined, /`gateway: true`, but the options of its factory hold no "gateway"/],
    [false, { topics: ['a'] }, /hold "gateway", but forRootAsync does not say/],
  ])('must say that there is a gateway before Nest looks for it (%s)', async (announced, gateway, message) => {
    const module = KafkaSocketModule.forRootAsync({
      gateway: announced,
      useFactory: () => ({ service: 'auction', gateway }),
    });
    await expect(Test.createTestingModule({ imports: [module] }).compile()).rejects.toThrow(message);
  });
});

describe('wrong declarations', () => {
  it('stop the start of the application', async () => {
    class NoAddress {}
    @Injectable()
    class Wrong {
      @CommandHandler(NoAddress)
      handle(): void {}
    }
    await expect(launchApp({}, [Wrong])).rejects.toThrow(InvalidHandlerError);
  });
});

describe('a gateway without a socket', () => {
  it('stops the start and says what main.ts lacks', async () => {
    const module = KafkaSocketModule.forRoot({ service: 'auction', gateway: { topics: ['auction'] } });
    const context = await Test.createTestingModule({ imports: [module] }).compile();
    await expect(context.init()).rejects.toThrow(/useWebSocketAdapter\(new WsAdapter\(app\)\)/);
  });
});

describe('two modules in one process', () => {
  it('never meet: as two applications', async () => {
    const one = auction('auction');
    const two = auction('auction');
    const first = await startApp({ service: 'auction', gateway: { topics: ['auction'] } }, [one.Bidding]);
    const second = await startApp({ service: 'auction', gateway: { topics: ['auction'] } }, [two.Bidding]);

    const client = await RawClient.welcome(second.url);
    await client.outcome('auction', client.request('auction', 'PlaceBid', { lot: 1, amount: 20 }));
    await RawClient.welcome(first.url);

    expect([one.effects, two.effects]).toEqual([[], [20]]);
  });

  it('share a log and nothing else: as two services of one application', async () => {
    @CommandAddress('billing', 'Charge')
    class Charge {}
    const handledBy: string[] = [];
    @Controller()
    class Billing {
      @CommandHandler(Charge)
      charge(_command: Command<Charge>): string {
        handledBy.push('billing');
        return 'charged';
      }
    }
    @Module({ controllers: [Billing] })
    class BillingModule {}
    const log = new MemoryMessageLog();
    const { topic, Bidding } = auction();
    @Module({ providers: [Bidding] })
    class AuctionModule {}
    const options = (service: string, include: object) => ({
      service,
      log,
      isGlobal: false,
      handlers: { include: [include as never] },
    });
    const module = await Test.createTestingModule({
      imports: [
        { ...KafkaSocketModule.forRoot(options('billing', BillingModule)) },
        BillingModule,
        KafkaSocketModule.forRoot({ ...options('auction', AuctionModule), isGlobal: true }),
        AuctionModule,
      ],
    }).compile();
    const app = await module.createNestApplication({ logger: false }).init();
    onTestFinished(() => app.close());

    await using tester = await HandlerTester.on(log, [topic, 'billing']);

    expect(await tester.send(Charge, {})).toEqual({ status: 'success', value: 'charged' });
    expect(handledBy).toEqual(['billing']);
  });
});

describe('an application whose broker is away', () => {
  it('starts, lives, and says that it is not ready and why', async () => {
    const [port] = await freePorts(1);
    const { topic } = auction();
    const { app } = await launchApp({
      kafka: { brokers: [`127.0.0.1:${port}`], connectionTimeout: 200 },
      gateway: { topics: [topic] },
    });
    const { ready, details } = app.get(KafkaSocketHealth).check();
    expect(ready).toBe(false);
    expect(details.log).not.toBe('up');
    expect(details.gateway).not.toBe('up');
  });
});

describe('an application that stops', () => {
  it('first finishes what is under way, and its client learns the outcome', async () => {
    const { topic, Bidding, held } = auction();
    const { url, stop } = await startApp({ gateway: { topics: [topic] } }, [Bidding]);
    const client = await RawClient.welcome(url);
    const requestId = client.request(topic, 'Hold', {});
    await expect.poll(() => held.length).toBe(1);

    const stopped = stop();
    held[0]!();

    expect(await client.outcome(topic, requestId)).toEqual({ status: 'success', value: 'let go' });
    expect(await client.closed).toMatchObject({ code: 4001 });
    await stopped;
  });

  it('is not ready any more', async () => {
    const { topic, Bidding } = auction();
    const { app, stop } = await startApp({ gateway: { topics: [topic] } }, [Bidding]);
    const health = app.get(KafkaSocketHealth);
    expect(health.check().ready).toBe(true);
    await stop();
    expect(health.check().ready).toBe(false);
  });
});

describe('handlers under test', () => {
  it('are tested through the log, without sockets', async () => {
    const log = new MemoryMessageLog();
    const { topic, Bidding, PlaceBid, BidEvent } = auction();
    await startApp({ log }, [Bidding]);
    await using tester = await HandlerTester.on(log, [topic]);

    expect(await tester.send(PlaceBid, { lot: 7, amount: 120 })).toMatchObject({
      status: 'success',
      value: { lot: 7 },
    });
    expect(await tester.nextEvent(BidEvent, 'Created')).toMatchObject({ kind: 'event', data: { amount: 120 } });
    expect(await tester.send(PlaceBid, { lot: 0, amount: 1 })).toMatchObject({ status: 'invalid' });
  });

  it('are not kept from it by a result of others that nobody can read', async () => {
    const log = new MemoryMessageLog();
    const { topic, Bidding, PlaceBid } = auction();
    await startApp({ log }, [Bidding]);
    await using tester = await HandlerTester.on(log, [topic]);
    const headers = { ce_type: 'result.PlaceBid', ce_breadcrumbs: 'final=1' };
    await log.publish({ topic, key: null, value: 'not json', headers });
    expect(await tester.send(PlaceBid, { lot: 7, amount: 120 })).toMatchObject({ status: 'success' });
  });

  it('that do nothing are told so in time', async () => {
    const log = new MemoryMessageLog();
    const { topic, PlaceBid } = auction();
    await startApp({ log });
    await using tester = await HandlerTester.on(log, [topic], { patience: 50 });
    await expect(tester.send(PlaceBid, { lot: 7, amount: 120 })).rejects.toThrow(
      /No sign of an outcome of "PlaceBid" within 50 ms/,
    );
  });
});

describe('a publisher', () => {
  it('can be injected everywhere, and publishes outside of a handling too', async () => {
    const log = new MemoryMessageLog();
    const { topic, BidEvent } = auction();
    const { app } = await startApp({ log });
    await using tester = await HandlerTester.on(log, [topic]);
    await app.get(MessagePublisher).event(BidEvent, 'Created', { lot: 1, amount: 2 });
    expect(await tester.nextEvent(BidEvent, 'Created')).toMatchObject({ data: { lot: 1, amount: 2 } });
  });
});
