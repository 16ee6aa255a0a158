import { Injectable } from '@nestjs/common';
import { IsInt, IsPositive } from 'class-validator';
import { describe, expect, it } from 'vitest';
import type { Command } from '../lib/message/command.js';
import type { Event } from '../lib/message/event.js';
import { CommandAddress } from '../lib/entity/command-address.decorator.js';
import { CommandHandler } from '../lib/service/declaration/command-handler.decorator.js';
import { EventEntity } from '../lib/entity/event-entity.decorator.js';
import { EventHandler } from '../lib/service/declaration/event-handler.decorator.js';
import { EventPublisher } from '../lib/service/declaration/event-publisher.decorator.js';
import { CommandContext, EventContext } from '../lib/service/handling/handler.context.js';
import { MessagePublisher } from '../lib/service/message.publisher.js';
import { BACKENDS, buildService, fresh, openLog, request, startService } from './support/service.js';

function auction() {
  const topic = fresh('auction');

  @CommandAddress(topic, 'PlaceBid')
  class PlaceBid {
    @IsInt() lot!: number;
    @IsPositive() amount!: number;
  }

  @EventEntity(topic, 'Bid')
  class BidEvent {
    lot!: number;
    amount!: number;
  }

  @CommandAddress(topic, 'Charge')
  class Charge {
    amount!: number;
  }

  return { topic, PlaceBid, BidEvent, Charge };
}

describe.each(BACKENDS)('a command on the %s log', (backend) => {
  it('is handled as an instance of its class, and what the method returns is its result', async () => {
    const { topic, PlaceBid } = auction();
    const seen: unknown[] = [];
    @Injectable()
    class Bidding {
      @CommandHandler(PlaceBid)
      place(command: Command<InstanceType<typeof PlaceBid>>, context: CommandContext) {
        seen.push(command, command.data instanceof PlaceBid, context.place, context.attempt, context.user);
        return { leading: true };
      }
    }
    const log = await openLog(backend);
    const service = await startService({ log, providers: [Bidding] });

    const { requestId, at, id } = await request(
      log,
      topic,
      'PlaceBid',
      { lot: 7, amount: 120 },
      { crumbs: { user: '{"sub":"ann"}' } },
    );

    expect(await service.follower.outcome(requestId)).toEqual({ status: 'success', value: { leading: true } });
    expect(seen).toEqual([
      { kind: 'command', name: 'PlaceBid', data: { lot: 7, amount: 120 } },
      true,
      at,
      1,
      { sub: 'ann' },
    ]);
    const result = await service.follower.message('result.PlaceBid');
    expect(result.breadCrumbs).toMatchObject({
      causationId: id,
      correlationId: id,
      sessionId: 'session-1',
      final: true,
    });
    expect(service.follower.ofType('result.PlaceBid')[0]!.partition).toBe(at.partition);
  });

  it('publishes what the method returns as an event that follows from it', async () => {
    const { topic, PlaceBid, BidEvent } = auction();
    @Injectable()
    class Bidding {
      @CommandHandler(PlaceBid)
      @EventPublisher(BidEvent, 'Created', { key: ({ lot }) => `lot-${lot}` })
      @EventPublisher(BidEvent, 'Counted')
      place({ data }: Command<InstanceType<typeof PlaceBid>>) {
        return Promise.resolve({ lot: data.lot, amount: data.amount });
      }
    }
    const log = await openLog(backend);
    const service = await startService({ log, providers: [Bidding] });

    const { requestId, id } = await request(log, topic, 'PlaceBid', { lot: 7, amount: 120 });

    const event = await service.follower.message('event.Bid.Created');
    await service.follower.message('event.Bid.Counted');
    expect(event.payload.data).toEqual({ lot: 7, amount: 120 });
    expect(event.breadCrumbs).toMatchObject({ requestId, causationId: id, correlationId: id });
    expect(event.breadCrumbs.final).toBeUndefined();
    expect(service.follower.ofType('event.Bid.Created')[0]!.key!.toString()).toBe('lot-7');
    expect(service.follower.ofType('event.Bid.Counted')[0]!.key!.toString()).toBe('session-1');
  });

  it('that another service handles is passed by, whatever its value is', async () => {
    const { topic, PlaceBid } = auction();
    @Injectable()
    class Bidding {
      @CommandHandler(PlaceBid)
      place() {
        return 'mine';
      }
    }
    const log = await openLog(backend);
    const service = await startService({ log, providers: [Bidding] });

    await request(log, topic, 'Foreign', undefined, { value: 'no JSON {', headers: { ce_breadcrumbs: '%%%' } });
    const marker = await request(log, topic, 'PlaceBid', { lot: 1, amount: 1 });

    expect(await service.follower.outcome(marker.requestId)).toMatchObject({ status: 'success' });
    expect(service.follower.deadLetters).toEqual([]);
  });
});

describe('the context of a command', () => {
  it('knows the message, its time, and who asked; claims that are no JSON object are none', async () => {
    const { topic, PlaceBid } = auction();
    const seen: unknown[] = [];
    @Injectable()
    class Bidding {
      @CommandHandler(PlaceBid)
      place(_command: Command, { message, timestamp, user, remaining }: CommandContext) {
        seen.push([message.source, message.breadCrumbs.requestId, typeof timestamp, user, typeof remaining]);
      }
    }
    const service = await startService({ providers: [Bidding] });

    const ids = [];
    for (const user of ['{"sub":"ann"}', '"ann"', '{half']) {
      const sent = await request(service.log, topic, 'PlaceBid', { lot: 1, amount: 1 }, { crumbs: { user } });
      await service.follower.outcome(sent.requestId);
      ids.push(sent.requestId);
    }
    expect(seen).toEqual([
      ['/gateway', ids[0], 'number', { sub: 'ann' }, 'function'],
      ['/gateway', ids[1], 'number', undefined, 'function'],
      ['/gateway', ids[2], 'number', undefined, 'function'],
    ]);
  });
});

describe('an event', () => {
  it('reaches every method that handles it, and what they return follows from it', async () => {
    const { topic, PlaceBid, BidEvent, Charge } = auction();
    const seen: string[] = [];
    @Injectable()
    class Projection {
      @EventHandler(BidEvent, 'Created')
      onBid(event: Event<InstanceType<typeof BidEvent>>, context: EventContext) {
        seen.push(
          `projection ${event.entity} ${event.eventType} ${event.data.amount} ${context instanceof EventContext}`,
        );
      }
    }
    @Injectable()
    class Mail {
      @EventHandler(BidEvent, 'Created')
      @EventPublisher(BidEvent, 'Mailed')
      mail({ data }: Event<InstanceType<typeof BidEvent>>) {
        seen.push(`mail ${data instanceof BidEvent}`);
        return data;
      }
    }
    @Injectable()
    class Bidding {
      constructor(private readonly publisher: MessagePublisher) {}
      @CommandHandler(PlaceBid)
      async place({ data }: Command<InstanceType<typeof PlaceBid>>) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        await this.publisher.event(BidEvent, 'Created', data, { key: 'lot' });
        return this.publisher.command(Charge, { amount: data.amount });
      }
    }
    const service = await startService({ providers: [Projection, Mail, Bidding] });

    const { requestId, id } = await request(service.log, topic, 'PlaceBid', { lot: 7, amount: 120 });

    const mailed = await service.follower.message('event.Bid.Mailed');
    const created = await service.follower.message('event.Bid.Created');
    expect(seen.sort()).toEqual(['mail true', 'projection Bid Created 120 true']);
    expect(created.breadCrumbs).toMatchObject({ requestId, causationId: id });
    expect(mailed.breadCrumbs).toMatchObject({ requestId, causationId: created.id, correlationId: id });
    const charge = await service.follower.message('command.Charge');
    expect(await service.follower.outcome(requestId)).toEqual({ status: 'success', value: charge.id });
    expect(service.follower.ofType('command.Charge')[0]!.key!.toString()).toBe('session-1');
  });
});

describe('the publisher outside of a handler', () => {
  it('starts something new', async () => {
    const { BidEvent } = auction();
    @Injectable()
    class Listener {
      @EventHandler(BidEvent, 'Created')
      onBid() {}
    }
    const service = await startService({ providers: [Listener] });

    const id = await service.publisher.event(BidEvent, 'Created', { lot: 1, amount: 2 });

    const event = await service.follower.message('event.Bid.Created');
    expect(event.id).toBe(id);
    expect(event.breadCrumbs).toEqual({ correlationId: id, attempt: 1 });
    expect(event.source).toMatch(/^\/service-/);
  });

  it('publishes no class that has no topic', async () => {
    class Homeless {}
    const { publisher } = await buildService({});

    await expect(publisher.event(Homeless, 'Created', {})).rejects.toMatchObject({ code: 'class_unaddressed' });
    await expect(publisher.command(Homeless, {})).rejects.toThrow(
      /Write @CommandAddress\('<topic>'\) above class Homeless/,
    );
  });
});
