import { Injectable, Module, Scope } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  type Command,
  CommandAddress,
  CommandHandler,
  type Completion,
  type Delivery,
  type Handle,
  type Inbox,
  type InboxOptions,
  InvalidInboxError,
  InvalidOptionsError,
  KafkaSocketHealth,
  KafkaSocketModule,
  type KafkaSocketModuleOptions,
  MemoryMessageLog,
} from 'nestjs-kafka-socket';
import { HandlerTester } from 'nestjs-kafka-socket/testing';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { resolveOptions } from '../lib/kafka-socket.options.js';
import { describeWithRedis } from './support/real.parts.js';
import { fresh } from './support/service.js';
import { redisOptions } from './support/timeouts.js';

/** An inbox of an application's own, which only listens. */
@Injectable()
class Listening implements Inbox {
  readonly deliveries: Delivery[] = [];
  readonly calls: string[] = [];

  async start(namespace: string): Promise<void> {
    this.calls.push(`start ${namespace}`);
  }

  async run(delivery: Delivery, handle: Handle): Promise<Completion> {
    this.deliveries.push(delivery);
    this.calls.push('run');
    return handle();
  }

  async stop(): Promise<void> {
    this.calls.push('stop');
  }
}

/** An application whose inbox is as the options say. */
async function application(inbox: Partial<InboxOptions>, given: Partial<KafkaSocketModuleOptions> = {}) {
  const topic = fresh('bank');
  @CommandAddress(topic, 'Pay')
  class Pay {
    amount!: number;
  }
  @Injectable()
  class Paying {
    @CommandHandler(Pay)
    pay({ data }: Command<Pay>) {
      return data.amount;
    }
  }
  @Module({ providers: [Listening] })
  class DatabaseModule {}
  const log = new MemoryMessageLog();
  const module = await Test.createTestingModule({
    imports: [KafkaSocketModule.forRoot({ service: 'bank', log, ...given, handlers: { inbox } }), DatabaseModule],
    providers: [Paying],
  }).compile();
  const app = module.createNestApplication({ logger: false });
  onTestFinished(() => app.close());
  await app.init();
  const tester = await HandlerTester.on(log, [topic]);
  onTestFinished(() => tester.stop());
  return { app, topic, log, pay: (amount: number) => tester.send(Pay, { amount }) };
}

describe('options of the inbox that cannot work', () => {
  it.each<[string, object, RegExp]>([
    ['a store that is none', { store: 'disk' }, /"handlers\.inbox\.store" is none: it is false, 'memory', 'redis'/],
    ['an object that is no inbox', { store: {} }, /"handlers\.inbox\.store" is none/],
    ['Redis, and nobody says where', { store: 'redis' }, /"handlers\.inbox\.store" is 'redis', but nothing says where/],
    ['another way to wait', { whenAway: 'later' }, /"handlers\.inbox\.whenAway" is "later"; it is 'wait' or 'run'/],
    ['no lease', { lease: 0 }, /"handlers\.inbox\.lease" is 0/],
    ['an unknown one', { where: 'memory' }, /"handlers\.inbox\.where" is not an option/],
  ])('stop the start: %s', (_, inbox, message) => {
    const start = () => KafkaSocketModule.forRoot({ service: 'bank', handlers: { inbox } });
    expect(start).toThrow(InvalidOptionsError);
    expect(start).toThrow(message);
  });

  it.each<[string, Partial<InboxOptions>, RegExp]>([
    ['a class that nobody provides', { store: class Missing extends Listening {} }, /Missing, and no module has it/],
    ['a class that is none', { store: Paper as never }, /Paper, which has no method run\(\)/],
    ['one for each message', { store: Scoped }, /Scoped, and no module has it as a provider that is there for all/],
  ])('stop the start of the application: %s', async (_, inbox, message) => {
    const module = await Test.createTestingModule({
      imports: [KafkaSocketModule.forRoot({ service: 'bank', handlers: { inbox } })],
      providers: [Paper, Scoped],
    }).compile();

    const started = module.createNestApplication({ logger: false }).init();
    await expect(started).rejects.toThrow(InvalidInboxError);
    await expect(started).rejects.toThrow(message);
  });
});

@Injectable()
class Paper {}

@Injectable({ scope: Scope.REQUEST })
class Scoped extends Listening {}

describe('no inbox', () => {
  it('is the default, and no part of the health', async () => {
    const { app, pay } = await application({});

    expect(await pay(7)).toEqual({ status: 'success', value: 7 });
    expect(app.get(KafkaSocketHealth).check().details).not.toHaveProperty('inbox');
  });
});

describe('the window of the inbox', () => {
  it.each([
    [{}, 301_000],
    [{ handlers: { window: 5_000 } }, 5_000],
    [{ gateway: { topics: ['a'], ttl: { maximum: 60_000, grace: 500 } } }, 60_500],
    [{ handlers: { window: 5_000, inbox: { window: 9_000 } } }, 9_000],
  ])('is that of repeated requests, where nothing else is said: %j', (given, window) => {
    expect(resolveOptions({ service: 'bank', ...given }).service.inbox.window).toBe(window);
  });
});

describe('an inbox of the application’s own', () => {
  it.each<[string, () => InboxOptions['store']]>([
    ['named by its class, a provider of any module', () => Listening],
    ['given as it is', () => new Listening()],
  ])('is asked about every message: %s', async (_, store) => {
    const given = store();
    const { app, topic, log, pay } = await application({ store: given });
    const inbox = typeof given === 'object' ? (given as Listening) : app.get(Listening, { strict: false });

    expect(await pay(7)).toEqual({ status: 'success', value: 7 });

    expect(inbox.deliveries).toMatchObject([
      { handler: 'Paying.pay', key: expect.stringMatching(/^r-[\w-]{43}$/), place: { topic, offset: 0n } },
    ]);
    await app.close();
    expect(inbox.calls).toEqual([`start ${log.clusterId}:bank`, 'run', 'stop']);
  });
});

describeWithRedis('an inbox in the Redis of the options', () => {
  it('is there as soon as it is named', async () => {
    const { host, port, prefix, password } = redisOptions(inject('redisUrl'));
    const { app, pay } = await application({ store: 'redis' }, { redis: { host, port, prefix, password } });

    expect(await pay(7)).toEqual({ status: 'success', value: 7 });
    expect(app.get(KafkaSocketHealth).check().details.inbox).toBe('up');
  });
});

describe('an inbox in memory', () => {
  it('is there as soon as it is named', async () => {
    const { pay } = await application({ store: 'memory' });

    expect(await pay(7)).toEqual({ status: 'success', value: 7 });
  });
});
