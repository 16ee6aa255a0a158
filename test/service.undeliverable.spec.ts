import { Injectable } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { RecordRefusedError } from '../lib/log/log.errors.js';
import { CommandAddress } from '../lib/entity/command-address.decorator.js';
import { CommandHandler } from '../lib/service/declaration/command-handler.decorator.js';
import { EventEntity } from '../lib/entity/event-entity.decorator.js';
import { EventHandler } from '../lib/service/declaration/event-handler.decorator.js';
import { EventPublisher } from '../lib/service/declaration/event-publisher.decorator.js';
import { MessagePublisher } from '../lib/service/message.publisher.js';
import { sharedInboxes } from './support/inboxes.js';
import { fresh, request, startService } from './support/service.js';

describe('an event that the log refuses', () => {
  it('is told in the log and makes a dead letter of its command, whose answer stands', async () => {
    const topic = fresh('shop');
    @CommandAddress(topic, 'Buy')
    class Buy {}
    @EventEntity(topic, 'Order')
    class Order {}
    @Injectable()
    class Shop {
      @CommandHandler(Buy)
      @EventPublisher(Order, 'Made')
      buy(): Order {
        return {};
      }
    }
    const service = await startService({ providers: [Shop] });
    const publish = service.log.publish.bind(service.log);
    service.log.publish = async (record) => {
      if (record.headers['ce_type'] === 'event.Order.Made') throw new RecordRefusedError('Too large.');
      return publish(record);
    };

    const { requestId } = await request(service.log, topic, 'Buy', {});

    expect(await service.follower.outcome(requestId)).toEqual({ status: 'success', value: {} });
    expect(await service.follower.deadLetter()).toMatchObject({
      dlq_reason: 'undeliverable',
      dlq_error: 'record_refused: Too large.',
    });
    expect(service.lines).toEqual([
      expect.stringContaining('A message that follows from Shop.buy is not published: Too large.'),
    ]);
  });
});

describe('a command that was carried out, of which the log refuses the result and every event', () => {
  it.each([
    ['without an inbox', undefined],
    ['with an inbox', sharedInboxes('memory')()],
  ])('is one dead letter, which does not say that it failed, %s', async (_, inbox) => {
    const topic = fresh('shop');
    @CommandAddress(topic, 'Buy')
    class Buy {}
    @EventEntity(topic, 'Order')
    class Order {}
    @Injectable()
    class Shop {
      @CommandHandler(Buy)
      @EventPublisher(Order, 'Made')
      @EventPublisher(Order, 'Packed')
      buy(): Order {
        return {};
      }
    }
    const service = await startService({ providers: [Shop], inbox });
    const publish = service.log.publish.bind(service.log);
    service.log.publish = async (record) => {
      const isLetter = record.topic.endsWith('.dlq') || record.headers['ce_type'] === 'command.Buy';
      if (!isLetter && record.key?.toString() !== 'marker') throw new RecordRefusedError('Too large.');
      return publish(record);
    };

    const { id } = await request(service.log, topic, 'Buy', {}, { partition: 0 });
    const crumbs = { sessionId: 'marker' };
    const marker = await request(service.log, topic, 'Buy', {}, { partition: 0, key: 'marker', crumbs });
    await service.follower.outcome(marker.requestId);

    expect(await service.follower.deadLetter()).toMatchObject({
      ce_id: id,
      dlq_reason: 'undeliverable',
      dlq_error: 'record_refused: Too large.',
    });
    expect(service.follower.deadLetters).toHaveLength(1);
  });
});

describe('a held reply that the log refuses', () => {
  it.each(['Settle', 'Made'])('gives up the record that %s came in, and stops no partition', async (by) => {
    const topic = fresh('shop');
    @CommandAddress(topic, 'Settle')
    class Settle {}
    @EventEntity(topic, 'Payment')
    class Payment {}
    @Injectable()
    class Settling {
      constructor(private readonly publisher: MessagePublisher) {}
      @CommandHandler(Settle, { reply: 'later' })
      async settle() {
        if (by === 'Made') await this.publisher.event(Payment, 'Made', {});
        else await this.publisher.reply('settled');
      }
      @EventHandler(Payment, 'Made')
      async onPayment() {
        await this.publisher.reply('paid');
      }
    }
    const { log, follower, lines } = await startService({ providers: [Settling], inbox: sharedInboxes('memory')() });

    await request(log, topic, 'Settle', {}, { crumbs: { reply: { topic, partition: 99 } } });

    expect(await follower.deadLetter()).toMatchObject({
      ce_type: by === 'Made' ? 'event.Payment.Made' : 'command.Settle',
      dlq_reason: 'undeliverable',
      dlq_error: expect.stringMatching(/^record_refused: /) as string,
    });
    expect(lines).toEqual([expect.stringContaining('A reply to Settle cannot be delivered')]);
  });
});

describe('an outcome that can go nowhere', () => {
  it('is a dead letter of its command, and the key goes on', async () => {
    const topic = fresh('shop');
    @CommandAddress(topic, 'Buy')
    class Buy {}
    @Injectable()
    class Shop {
      @CommandHandler(Buy)
      buy() {
        return 'bought';
      }
    }
    const service = await startService({ providers: [Shop] });

    await request(service.log, topic, 'Buy', {}, { crumbs: { reply: { topic, partition: 99 } } });
    const marker = await request(service.log, topic, 'Buy', {});

    expect(await service.follower.outcome(marker.requestId)).toMatchObject({ status: 'success' });
    expect(await service.follower.deadLetter()).toMatchObject({
      dlq_reason: 'undeliverable',
      dlq_error: expect.stringMatching(/^record_refused: /) as string,
    });
  });
});
