import { Injectable } from '@nestjs/common';
import { IsPositive } from 'class-validator';
import { describe, expect, it, vi } from 'vitest';
import { DeadLetterBox } from '../lib/dead-letters/dead-letter.box.js';
import { RecordRefusedError } from '../lib/log/log.errors.js';
import { DEAD_LETTER_HEADERS } from '../lib/message/dead-letter.headers.js';
import { headerText } from '../lib/message/record.headers.js';
import { CommandAddress } from '../lib/entity/command-address.decorator.js';
import { CommandHandler } from '../lib/service/declaration/command-handler.decorator.js';
import { EventEntity } from '../lib/entity/event-entity.decorator.js';
import { EventHandler } from '../lib/service/declaration/event-handler.decorator.js';
import { CommandRejectedError } from '../lib/service/service.errors.js';
import { sharedInboxes } from './support/inboxes.js';
import { BACKENDS, fresh, openLog, request, startService } from './support/service.js';

function shop() {
  const topic = fresh('shop');
  @CommandAddress(topic, 'Buy')
  class Buy {}
  @EventEntity(topic, 'Order')
  class Order {
    @IsPositive() amount!: number;
  }
  @Injectable()
  class Shop {
    @CommandHandler(Buy)
    buy() {
      return 'bought';
    }
    @EventHandler(Order, 'Made')
    onMade({ data }: { data: Order }) {
      if (data.amount === 13) throw new CommandRejectedError('UNLUCKY', 'x'.repeat(2_000));
    }
  }
  return { topic, Shop, Order };
}

describe.each(BACKENDS)('a record that is given up on the %s log', (backend) => {
  it('keeps its value, key and headers, and says why', async () => {
    const { topic, Shop, Order } = shop();
    const log = await openLog(backend);
    const service = await startService({ log, providers: [Shop] });

    await service.publisher.event(Order, 'Made', { amount: 13 }, { key: 'order-13', partition: 1 });

    const headers = await service.follower.deadLetter();
    const [record] = service.follower.deadLetters;
    expect(record!.topic).toBe(`${topic}.dlq`);
    expect(record!.key!.toString()).toBe('order-13');
    expect(record!.value!.toString()).toBe('{"amount":13}');
    const [original] = service.follower.ofType('event.Order.Made');
    expect(headers).toMatchObject({
      ce_id: original!.headers['ce_id']!.toString(),
      ce_type: 'event.Order.Made',
      dlq_reason: 'failed',
      dlq_attempts: '1',
      dlq_topic: topic,
      dlq_partition: '1',
      dlq_offset: '0',
      dlq_handler: 'Shop.onMade',
    });
    expect(headers['dlq_error']).toMatch(/^UNLUCKY: x+$/);
    expect(headers['dlq_error']!.length).toBe(512);
  });
});

describe('a record that is addressed to a handler and cannot be read', () => {
  it.each<[string, { value?: string; headers?: Record<string, string | undefined> }]>([
    ['without an id', { headers: { ce_id: undefined } }],
    ['of another CloudEvents version', { headers: { ce_specversion: '2.0' } }],
    ['with broken bread crumbs', { headers: { ce_breadcrumbs: 'a=%ZZ' } }],
  ])('%s is a dead letter, and the next one is handled', async (_what, broken) => {
    const { topic, Shop } = shop();
    const service = await startService({ providers: [Shop] });

    await request(service.log, topic, 'Buy', {}, broken);
    const marker = await request(service.log, topic, 'Buy', {});

    expect(await service.follower.outcome(marker.requestId)).toMatchObject({ status: 'success' });
    expect(await service.follower.deadLetter()).toMatchObject({
      dlq_reason: 'undecodable',
      dlq_error: expect.stringMatching(/^message_malformed: /) as string,
    });
  });

  it('is answered where its client is known', async () => {
    const { topic, Shop } = shop();
    const service = await startService({ providers: [Shop] });

    const { requestId } = await request(service.log, topic, 'Buy', {}, { value: '{"half":' });

    expect(await service.follower.outcome(requestId)).toMatchObject({ status: 'failed', code: 'UNDECODABLE' });
    expect(await service.follower.deadLetter()).toMatchObject({ dlq_reason: 'undecodable', dlq_handler: 'Shop.buy' });
  });
});

describe('an event that is not what its class says', () => {
  it('is a dead letter', async () => {
    const { Shop, Order } = shop();
    const service = await startService({ providers: [Shop] });

    await service.publisher.event(Order, 'Made', { amount: -1 });

    expect(await service.follower.deadLetter()).toMatchObject({
      dlq_reason: 'invalid',
      dlq_error: 'amount: amount must be a positive number',
    });
  });
});

describe('a record that even the dead letters refuse', () => {
  it('is told in the log, and its key goes on', async () => {
    const { topic, Shop, Order } = shop();
    const service = await startService({ providers: [Shop] });
    const publish = service.log.publish.bind(service.log);
    service.log.publish = async (record) => {
      if (record.topic.endsWith('.dlq')) throw new RecordRefusedError('Too large.');
      return publish(record);
    };

    await service.publisher.event(Order, 'Made', { amount: 13 }, { key: 'k' });
    const partition = await service.log.partitionFor(topic, 'k');
    const marker = await request(service.log, topic, 'Buy', {}, { key: 'k' });

    expect(await service.follower.outcome(marker.requestId)).toMatchObject({ status: 'success' });
    expect(service.lines).toEqual([
      expect.stringContaining(
        `${topic}/${partition}@0 is lost: it was given up (failed), and ${topic}.dlq does not take it: Too large.`,
      ),
    ]);
  });
});

describe('a record whose id brings a line of its own', () => {
  it('has it printed as one text, and not all of it', async () => {
    const topic = fresh('shop');
    @CommandAddress(topic, 'Buy')
    class Buy {}
    @Injectable()
    class Shop {
      @CommandHandler(Buy)
      buy() {
        throw new TypeError('no price');
      }
    }
    const { log, follower, lines } = await startService({ providers: [Shop] });
    const id = `x\n[Nest] ERROR forged${'y'.repeat(1_000)}`;

    await request(log, topic, 'Buy', {}, { headers: { ce_id: id } });

    await follower.deadLetter();
    expect(lines).toEqual([expect.stringContaining('(message "x\\n[Nest] ERROR forgedyyy')]);
    expect(lines[0]).not.toMatch(/\n|y{100}/);
  });
});

describe('the dead letter of a command', () => {
  it.each([
    ['without an inbox', undefined],
    ['with an inbox', sharedInboxes('memory')()],
  ])('names class or code of what was thrown, %s', async (_, inbox) => {
    const topic = fresh('shop');
    @CommandAddress(topic, 'Buy')
    class Buy {
      how!: string;
    }
    @Injectable()
    class Shop {
      @CommandHandler(Buy)
      buy({ data }: { data: Buy }) {
        throw data.how === 'class' ? new TypeError('no price') : new RecordRefusedError('Too large.');
      }
    }
    const { log, follower } = await startService({ providers: [Shop], inbox });

    for (const how of ['class', 'code']) await request(log, topic, 'Buy', { how });

    await follower.next('both', () => follower.deadLetters.length === 2);
    const errors = follower.deadLetters.map(({ headers }) => headerText(headers[DEAD_LETTER_HEADERS.error]));
    expect(errors).toEqual(['TypeError: no price', 'record_refused: Too large.']);
  });
});

describe('an event that is replayed', () => {
  it('runs in the handler that gave it up alone, and in no other one of any service', async () => {
    const topic = fresh('shop');
    const seen: string[] = [];
    let tries = 0;
    @EventEntity(topic, 'Order')
    class Order {
      name!: string;
    }
    @Injectable()
    class Billing {
      @EventHandler(Order, 'Made')
      bill({ data: { name } }: { data: Order }) {
        seen.push(`bill ${name}`);
      }
      @EventHandler(Order, 'Made')
      book({ data: { name } }: { data: Order }) {
        seen.push(`book ${name}`);
        if (name === 'order' && ++tries === 1) throw new Error('no ink');
      }
    }
    @Injectable()
    class Shipping {
      @EventHandler(Order, 'Made')
      ship({ data: { name } }: { data: Order }) {
        seen.push(`ship ${name}`);
      }
    }
    const { log, publisher, follower } = await startService({ providers: [Billing] });
    await startService({ log, providers: [Shipping] });

    await publisher.event(Order, 'Made', { name: 'order' }, { key: 'k' });
    await follower.deadLetter();
    const box = new DeadLetterBox(log);
    for await (const letter of box.list(topic)) await box.replay(letter);
    // What only looks like it is an event as any other.
    const [made] = follower.ofType('event.Order.Made');
    const headers = { ...made!.headers, ce_id: 'marker', [DEAD_LETTER_HEADERS.handler]: 'Billing.book' };
    await log.publish({ topic, key: 'k', value: '{"name":"marker"}', headers });

    await vi.waitUntil(() => seen.filter((line) => line.endsWith('marker')).length === 3);
    const ofOrder = seen.filter((line) => line.endsWith('order')).sort();
    expect(ofOrder).toEqual(['bill order', 'book order', 'book order', 'ship order']);
  });
});
