import { once } from 'node:events';
import { Injectable } from '@nestjs/common';
import { registerDecorator } from 'class-validator';
import { describe, expect, it, vi } from 'vitest';
import { MissingTopicsError } from '../lib/log/log.errors.js';
import type { BreadCrumbs } from '../lib/message/bread-crumbs.js';
import type { Event } from '../lib/message/event.js';
import { CommandAddress } from '../lib/entity/command-address.decorator.js';
import { CommandHandler } from '../lib/service/declaration/command-handler.decorator.js';
import { EventEntity } from '../lib/entity/event-entity.decorator.js';
import { EventHandler } from '../lib/service/declaration/event-handler.decorator.js';
import { EventPublisher } from '../lib/service/declaration/event-publisher.decorator.js';
import type { EventContext } from '../lib/service/handling/handler.context.js';
import { MessagePublisher } from '../lib/service/message.publisher.js';
import { BACKENDS, fresh, Gate, openLog, request, startService, type TestServiceOptions } from './support/service.js';
import { SinglePartition } from './support/single.partition.js';

/** A command that publishes, one that is validated by something that never ends, and one that nothing is wrong with. */
function shop(key?: (order: { amount: number }) => unknown) {
  const topic = fresh('shop');
  @CommandAddress(topic, 'Buy')
  class Buy {}
  @CommandAddress(topic, 'Count')
  class Count {
    @NeverEnds() amount!: number;
  }
  @CommandAddress(topic, 'Look')
  class Look {}
  @EventEntity(topic, 'Order')
  class Order {
    amount!: number;
  }
  const counted: unknown[] = [];
  @Injectable()
  class Shop {
    @CommandHandler(Buy)
    @EventPublisher(Order, 'Made', key ? { key: key as () => string } : {})
    buy(): Order {
      return { amount: 1 };
    }
    @CommandHandler(Count)
    count({ data }: { data: Count }) {
      counted.push(data);
    }
    @CommandHandler(Look)
    look() {
      return 'looked';
    }
  }
  return { topic, Shop, counted };
}

function NeverEnds() {
  return (target: object, propertyName: string) =>
    registerDecorator({
      target: target.constructor,
      propertyName,
      async: true,
      validator: { validate: () => new Promise<boolean>(() => undefined) },
    });
}

/** A service that was given one command, and after it, for the same key, one that nothing is wrong with. */
async function afterwards(
  { topic, Shop }: ReturnType<typeof shop>,
  name: string,
  { crumbs, data = {}, ...given }: TestServiceOptions & { crumbs?: Partial<BreadCrumbs>; data?: object } = {},
) {
  const service = await startService({ providers: [Shop], ...given });
  const { requestId } = await request(service.log, topic, name, data, { crumbs });
  const marker = await request(service.log, topic, 'Look', {});
  expect(await service.follower.outcome(marker.requestId)).toEqual({ status: 'success', value: 'looked' });
  return { ...service, requestId };
}

describe.each(BACKENDS)('a key goes on, on the %s log,', (backend) => {
  it('after a command whose reply belongs to a topic that does not exist', async () => {
    const crumbs = { reply: { topic: fresh('nowhere'), partition: 0 } };
    const { follower, lines } = await afterwards(shop(), 'Look', { log: await openLog(backend), crumbs });

    expect(await follower.deadLetter()).toMatchObject({
      dlq_reason: 'undeliverable',
      dlq_error: expect.stringMatching(/^topics_missing: /) as string,
    });
    expect(lines).toContainEqual(expect.stringContaining('What Shop.look returned cannot be delivered'));
  });

  it.each([
    ['a number', ({ amount }: { amount: number }) => amount],
    ['undefined', () => undefined],
  ])('after the key function of an event returned %s, and the method is named', async (found, key) => {
    const { follower, requestId } = await afterwards(shop(key), 'Buy', { log: await openLog(backend) });

    expect(await follower.outcome(requestId)).toMatchObject({ status: 'failed', code: 'INTERNAL' });
    expect(await follower.deadLetter()).toMatchObject({
      dlq_reason: 'failed',
      dlq_error: expect.stringContaining(
        `Shop.buy: the key function of its @EventPublisher for Order.Made returned ${found}, and a key is a string.`,
      ) as string,
    });
  });
});

describe('a key goes on', () => {
  it('after an event whose record the log cannot even make', async () => {
    const log = await openLog('memory');
    const publish = log.publish.bind(log);
    log.publish = async (record) => {
      if (record.headers['ce_type'] === 'event.Order.Made') throw new TypeError('no bytes');
      return publish(record);
    };
    const { follower, requestId, lines } = await afterwards(shop(), 'Buy', { log });

    expect(await follower.outcome(requestId)).toMatchObject({ status: 'success' });
    expect(await follower.deadLetter()).toMatchObject({
      dlq_reason: 'undeliverable',
      dlq_error: 'TypeError: no bytes',
    });
    expect(lines).toEqual([expect.stringContaining('A message that follows from Shop.buy is not published: no bytes')]);
  });

  it('after a dead letter whose topic is gone, and the log says where what is lost stood', async () => {
    const log = await openLog('memory');
    const publish = log.publish.bind(log);
    log.publish = async (record) => {
      if (record.topic.endsWith('.dlq')) throw new MissingTopicsError('There is no such topic.');
      return publish(record);
    };
    const given = shop(() => undefined);
    const { lines } = await afterwards(given, 'Buy', { log });

    const place = `${given.topic}/${await log.partitionFor(given.topic, 'session-1')}@0`;
    expect(lines).toContainEqual(expect.stringMatching(`${place} is lost: .* There is no such topic.`));
  });
});

describe('a constraint that never ends', () => {
  it('ends with the time of its handler, which is not called, and the key goes on', async () => {
    const given = shop();
    const options = { handlerTimeout: 100 };
    const { follower, requestId } = await afterwards(given, 'Count', { options, data: { amount: 1 } });

    expect(await follower.outcome(requestId)).toMatchObject({ status: 'failed', code: 'HANDLER_TIMEOUT' });
    expect(await follower.deadLetter()).toMatchObject({ dlq_reason: 'timeout', dlq_handler: 'Shop.count' });
    expect(given.counted).toEqual([]);
  });
});

describe('an event with two handlers, whose partition is lost and comes back', () => {
  it('stays in the hands of the one that still runs, until that has ended', async () => {
    const topic = fresh('count');
    const [gate, begun] = [new Gate(), [] as string[]];
    @EventEntity(topic, 'Number')
    class NumberEvent {
      name!: string;
    }
    @Injectable()
    class Counting {
      @EventHandler(NumberEvent, 'Counted')
      async heeding({ data }: Event<NumberEvent>, { signal }: EventContext) {
        if (data.name === 'first' && begun.length < 2) await once(signal, 'abort').then(() => signal.throwIfAborted());
      }
      @EventHandler(NumberEvent, 'Counted')
      async deaf({ data }: Event<NumberEvent>) {
        begun.push(data.name);
        if (data.name === 'first') await gate.opened;
      }
    }
    const log = await openLog('memory');
    const partition = new SinglePartition(log, topic);
    const { publisher } = await startService({ log, providers: [Counting] });
    await publisher.event(NumberEvent, 'Counted', { name: 'first' }, { key: 'a', partition: 0 });
    await partition.give();
    await vi.waitUntil(() => begun.length === 1);

    partition.lose();
    await publisher.event(NumberEvent, 'Counted', { name: 'marker' }, { key: 'b', partition: 0 });
    await partition.give();

    await vi.waitUntil(() => begun.includes('marker'));
    expect(begun).toEqual(['first', 'marker']);
    gate.open();
    await vi.waitUntil(() => partition.committed === 2n);
    expect(begun).toEqual(['first', 'marker', 'first']);
  });
});

describe('publisher.event() to a topic that does not exist', () => {
  it('rejects at once, also while a message is handled', async () => {
    const topic = fresh('shop');
    @CommandAddress(topic, 'Buy')
    class Buy {}
    @EventEntity(fresh('nowhere'), 'Order')
    class Order {}
    @Injectable()
    class Shop {
      constructor(private readonly publisher: MessagePublisher) {}
      @CommandHandler(Buy)
      async buy() {
        return this.publisher.event(Order, 'Made', {}).catch(({ code }: { code: string }) => code);
      }
    }
    const service = await startService({ providers: [Shop] });
    const { requestId } = await request(service.log, topic, 'Buy', {});

    expect(await service.follower.outcome(requestId)).toEqual({ status: 'success', value: 'topics_missing' });
  });
});
