import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import type { MessageLog } from '../lib/log/message.log.js';
import { decodeMessage, encodeMessage } from '../lib/message/cloud-events.codec.js';
import { messageId } from '../lib/message/message.id.js';
import type { PlatformMessage } from '../lib/message/platform-message.js';
import { CommandAddress } from '../lib/entity/command-address.decorator.js';
import { CommandHandler } from '../lib/service/declaration/command-handler.decorator.js';
import { EventEntity } from '../lib/entity/event-entity.decorator.js';
import { EventHandler } from '../lib/service/declaration/event-handler.decorator.js';
import { MessagePublisher } from '../lib/service/message.publisher.js';
import { CommandRejectedError } from '../lib/service/service.errors.js';
import { INBOX_KINDS, sharedInboxes } from './support/inboxes.js';
import { fresh, Gate, openLog, request, startService } from './support/service.js';

const memory = () => sharedInboxes('memory')();

/** An event as another service writes it. */
function eventOf(name: string, data: object): PlatformMessage {
  const id = messageId();
  const [entity, eventType] = name.split('.') as [string, string];
  const payload = { kind: 'event' as const, name, entity, eventType, data };
  return { id, source: '/shop', breadCrumbs: { correlationId: id, attempt: 1 }, payload };
}

async function write(log: MessageLog, topic: string, message: PlatformMessage, key: string | Buffer = 'k') {
  return log.publish({ topic, key, partition: 0, ...encodeMessage(message) });
}

describe.each(INBOX_KINDS)('with an inbox in %s, an event that is in the log twice', (kind) => {
  it('is handled once by each of its methods', async () => {
    const topic = fresh('shop');
    const seen: string[] = [];
    @EventEntity(topic, 'Order')
    class Order {
      name!: string;
    }
    @Injectable()
    class Billing {
      @EventHandler(Order, 'Made')
      bill({ data }: { data: Order }) {
        seen.push(`bill ${data.name}`);
      }
      @EventHandler(Order, 'Made')
      book({ data }: { data: Order }) {
        seen.push(`book ${data.name}`);
      }
    }
    @Injectable()
    class Shipping {
      @EventHandler(Order, 'Made')
      ship({ data }: { data: Order }) {
        seen.push(`ship ${data.name}`);
      }
    }
    const { log } = await startService({ providers: [Billing, Shipping], inbox: sharedInboxes(kind)() });
    const twice = eventOf('Order.Made', { name: 'twice' });

    await write(log, topic, twice);
    await write(log, topic, twice);
    await write(log, topic, eventOf('Order.Made', { name: 'marker' }));

    await expect.poll(() => seen.filter((line) => line.endsWith('marker')).length).toBe(3);
    expect(seen.filter((line) => line.endsWith('twice')).sort()).toEqual(['bill twice', 'book twice', 'ship twice']);
  });

  it('is handled again where that failed: its dead letter can be sent again as it is', async () => {
    const topic = fresh('shop');
    let tries = 0;
    @EventEntity(topic, 'Order')
    class Order {}
    @EventEntity(topic, 'Parcel')
    class Parcel {}
    @Injectable()
    class Shipping {
      constructor(private readonly publisher: MessagePublisher) {}
      @EventHandler(Order, 'Made')
      async on() {
        await this.publisher.event(Parcel, 'Sent', { try: ++tries });
        if (tries === 1) throw new Error('no van');
      }
    }
    // Longer than anybody waits: it is given back, and not left to run out.
    const inbox = sharedInboxes(kind, { lease: 60_000 })();
    const { log, follower } = await startService({ providers: [Shipping], inbox });
    const event = eventOf('Order.Made', {});

    await write(log, topic, event);
    await follower.deadLetter();
    await write(log, topic, event);

    const sent = await follower.message('event.Parcel.Sent');
    expect(sent.payload.data).toEqual({ try: 2 }); // and what the first try published is dropped
    expect(follower.deadLetters).toHaveLength(1);
  });
});

describe('with an inbox, a command that another service sent', () => {
  it.each([
    ['is carried out again where it failed, so that its dead letter can be replayed', 'throw', 2],
    ['keeps the answer of the first time where it was rejected', 'reject', 1],
  ])('%s', async (_, how, runs) => {
    const topic = fresh('shop');
    let tries = 0;
    @CommandAddress(topic, 'Sell')
    class Sell {}
    @Injectable()
    class Selling {
      @CommandHandler(Sell)
      sell() {
        tries++;
        if (how === 'reject') throw new CommandRejectedError('SOLD_OUT', 'Nothing left.');
        if (tries === 1) throw new Error('broken');
        return tries;
      }
    }
    const { log, follower } = await startService({ providers: [Selling], inbox: memory() });
    const sent = eventOf('any.any', {});
    const breadCrumbs = { correlationId: 'another', attempt: 1 };
    const command = { ...sent, breadCrumbs, payload: { kind: 'command' as const, name: 'Sell', data: {} } };

    await write(log, topic, command);
    await write(log, topic, command);

    await follower.next('both answers', () => follower.ofType('result.Sell').length === 2);
    expect(tries).toBe(runs);
  });
});

describe('what a method publishes, with an inbox', () => {
  function shop(then: (publisher: MessagePublisher, Sold: never) => Promise<unknown>) {
    const topic = fresh('shop');
    @CommandAddress(topic, 'Sell')
    class Sell {}
    @EventEntity(topic, 'Sale')
    class Sale {}
    @Injectable()
    class Selling {
      constructor(private readonly publisher: MessagePublisher) {}
      @CommandHandler(Sell)
      sell() {
        return then(this.publisher, Sale as never);
      }
    }
    return { topic, Selling };
  }

  it('is held until it has returned, and comes in its order', async () => {
    const [published, gate] = [new Gate(), new Gate()];
    const { topic, Selling } = shop(async (publisher, Sale) => {
      await publisher.event(Sale, 'First', {});
      await publisher.event(Sale, 'Progress', {}, { now: true });
      await publisher.event(Sale, 'Second', {});
      published.open();
      await gate.opened;
    });
    const { log, follower } = await startService({ providers: [Selling], inbox: memory() });
    const { requestId } = await request(log, topic, 'Sell', {});

    await published.opened;
    await follower.message('event.Sale.Progress');
    expect(follower.ofType('event.Sale.First')).toEqual([]);
    gate.open();

    await follower.outcome(requestId);
    const second = await follower.next('second', ({ headers }) => String(headers['ce_type']).endsWith('Second'));
    const [first] = follower.ofType('event.Sale.First');
    const [progress] = follower.ofType('event.Sale.Progress');
    expect(progress!.offset < first!.offset && first!.offset < second.offset).toBe(true);
  });

  it('is dropped where it throws, except for what goes out now', async () => {
    const { topic, Selling } = shop(async (publisher, Sale) => {
      await publisher.event(Sale, 'Sold', {});
      await publisher.event(Sale, 'Refused', {}, { now: true });
      throw new CommandRejectedError('SOLD_OUT', 'Nothing left.');
    });
    const { log, follower } = await startService({ providers: [Selling], inbox: memory() });

    const { requestId } = await request(log, topic, 'Sell', {});

    expect(await follower.outcome(requestId)).toMatchObject({ status: 'rejected', code: 'SOLD_OUT' });
    await follower.message('event.Sale.Refused');
    const { requestId: later } = await request(log, topic, 'Sell', {});
    await follower.outcome(later);
    expect(follower.ofType('event.Sale.Sold')).toEqual([]);
  });

  it('goes out on its own where the method did not wait for it', async () => {
    const gate = new Gate();
    const { topic, Selling } = shop(async (publisher, Sale) => {
      void gate.opened.then(() => publisher.event(Sale, 'Later', {}));
    });
    const { log, follower } = await startService({ providers: [Selling], inbox: memory() });
    const { requestId } = await request(log, topic, 'Sell', {});
    await follower.outcome(requestId);

    gate.open();

    expect((await follower.message('event.Sale.Later')).breadCrumbs.requestId).toBe(requestId);
  });

  it('keeps the key of the record that it follows from, whatever bytes that is', async () => {
    const topic = fresh('shop');
    @EventEntity(topic, 'Order')
    class Order {}
    @Injectable()
    class Repeating {
      constructor(private readonly publisher: MessagePublisher) {}
      @EventHandler(Order, 'Made')
      async on() {
        await this.publisher.event(Order, 'Seen', {});
      }
    }
    const { log, follower } = await startService({ providers: [Repeating], inbox: memory() });
    const keys = [Buffer.from([0xff, 0x00, 0xfe]), Buffer.from('Zoë')];

    for (const key of keys) await write(log, topic, eventOf('Order.Made', {}), key);

    await follower.next('both', () => follower.ofType('event.Order.Seen').length === 2);
    expect(follower.ofType('event.Order.Seen').map(({ key }) => key)).toEqual(keys);
  });
});

describe('a process whose services have inboxes', () => {
  /** Settle is answered when the payment that it orders was made; each of the two is another service. */
  function settling() {
    const topic = fresh('settling');
    const effects: string[] = [];
    @CommandAddress(topic, 'Settle')
    class Settle {}
    @CommandAddress(topic, 'Charge')
    class Charge {}
    @EventEntity(topic, 'Payment')
    class Payment {}
    @Injectable()
    class Settling {
      constructor(private readonly publisher: MessagePublisher) {}
      @CommandHandler(Settle, { reply: 'later' })
      async settle() {
        effects.push('settle');
        await this.publisher.command(Charge, {});
      }
      @EventHandler(Payment, 'Made')
      async onPayment() {
        effects.push('paid');
        await this.publisher.reply({ settled: true });
      }
    }
    @Injectable()
    class Paying {
      constructor(private readonly publisher: MessagePublisher) {}
      @CommandHandler(Charge)
      async charge() {
        effects.push('charge');
        await this.publisher.event(Payment, 'Made', {});
        return 'charged';
      }
    }
    return { topic, Settling, Paying, effects };
  }

  it('ends once, and each of its steps is done once, whatever is in the log twice', async () => {
    const { topic, Settling, Paying, effects } = settling();
    const log = await openLog('memory');
    const publish = log.publish.bind(log);
    // As where the acknowledgement of each record is lost, and its producer writes it again.
    log.publish = async (record) => {
      await publish(record);
      return publish(record);
    };
    const { follower } = await startService({ log, providers: [Settling], inbox: memory() });
    await startService({ log, providers: [Paying], inbox: memory() });
    const crumbs = { requestId: randomUUID() };

    await request(log, topic, 'Settle', {}, { crumbs });
    expect(await follower.outcome(crumbs.requestId)).toEqual({ status: 'success', value: { settled: true } });
    const again = { requestId: randomUUID() };
    await request(log, topic, 'Settle', {}, { crumbs: again });
    await follower.outcome(again.requestId);

    expect(effects).toEqual(['settle', 'charge', 'paid', 'settle', 'charge', 'paid']);
    const replies = follower.ofType('result.Settle').map((record) => decodeMessage(record));
    expect(new Set(replies.map(({ id }) => id)).size).toBe(2);
    expect(replies.every(({ breadCrumbs }) => breadCrumbs.final)).toBe(true);
  });

  it('ends by the failure of a method that had replied before it threw', async () => {
    const topic = fresh('settling');
    @CommandAddress(topic, 'Settle')
    class Settle {}
    @Injectable()
    class Settling {
      constructor(private readonly publisher: MessagePublisher) {}
      @CommandHandler(Settle, { reply: 'later' })
      async settle() {
        await this.publisher.reply('too early');
        throw new CommandRejectedError('NO', 'No.');
      }
    }
    const { log, follower } = await startService({ providers: [Settling], inbox: memory() });

    const { requestId } = await request(log, topic, 'Settle', {});

    expect(await follower.outcome(requestId)).toMatchObject({ status: 'rejected', code: 'NO' });
  });
});
