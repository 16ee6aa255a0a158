import { IsInt, IsUUID, Length } from 'class-validator';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { CommandAddress, commandAddressOf } from '../lib/entity/command-address.decorator.js';
import { EventEntity, eventEntityOf } from '../lib/entity/event-entity.decorator.js';
import { Create, Delete, type EntityPage, Get, List, Update } from '../lib/entity/generic.command.js';
import { Created, Deleted, Updated } from '../lib/entity/generic.event.js';
import type { KafkaSocketClient } from '../lib/client/kafka-socket.client.js';
import type { Command } from '../lib/message/command.js';
import type { Event } from '../lib/message/event.js';
import { CommandHandler } from '../lib/service/declaration/command-handler.decorator.js';
import { EventHandler } from '../lib/service/declaration/event-handler.decorator.js';

@EventEntity('auction', 'Lot')
class Lot {
  @IsUUID() readonly id!: string;
  readonly version!: number;
  @Length(1, 80) title!: string;
  reserve?: number;
  ends?: Date;
  bids?: readonly { at: Date; amount: number }[];
  isDear(): boolean {
    return (this.reserve ?? 0) > 1_000;
  }
}

@EventEntity('auction', 'Ticket')
class Ticket {
  @IsInt() id!: number;
  version!: number;
  @IsInt() seat!: number;
}

@CommandAddress('auction')
class PlaceBid {
  lot!: number;
}

class Nameless {
  id!: string;
  version!: number;
}

const VERBS = [Create, Update, Delete, Get, List, Created, Updated, Deleted];

describe('what is bound to an entity', () => {
  it('is one class, however often it is asked for', () => {
    for (const bind of VERBS) expect(bind(Lot)).toBe(bind(Lot));
    expect(new Set(VERBS.map((bind) => bind(Lot))).size).toBe(VERBS.length);
  });

  it('has the address that its entity says', () => {
    expect([Create, Update, Delete, Get, List].map((bind) => commandAddressOf(bind(Lot)))).toEqual(
      ['CreateLot', 'UpdateLot', 'DeleteLot', 'GetLot', 'ListLots'].map((name) => ({ topic: 'auction', name })),
    );
    expect(eventEntityOf(Created(Lot))).toEqual({ topic: 'auction', entity: 'Lot' });
    expect(Create(Lot).name).toBe('CreateLot');
  });

  it('does not meet what is bound to one of the same name elsewhere', () => {
    @EventEntity('archive', 'Lot')
    class Archived extends Lot {}

    expect(Create(Archived)).not.toBe(Create(Lot));
    expect(commandAddressOf(Create(Archived))).toEqual({ topic: 'archive', name: 'CreateLot' });
  });

  it.each<[string, () => unknown, string]>([
    ['says no topic', () => Create(Nameless), "Write @EventEntity('<topic>', '<Entity>') above class Nameless"],
    ['is not there', () => Get(undefined as never), 'Two files probably import each other'],
    ['has a name that cannot be', () => List(named('auction', 'Lot 7')), 'cannot be'],
    ['has a topic that cannot be', () => Deleted(named('auc tion', 'Lot')), 'cannot be'],
    ['inherits its topic', () => Create(class extends Lot {}), 'says nowhere which topic'],
  ])('is refused where the class %s', (_what, bind, words) => {
    expect(bind).toThrow(
      expect.objectContaining({ code: 'entity_invalid', message: expect.stringContaining(words) as string }),
    );
  });
});

function named(topic: string, name: string): typeof Nameless {
  class Other extends Nameless {}
  EventEntity(topic, name)(Other);
  return Other;
}

/** A lot as pages get it: promised a `Date` or a method, they would call what is not there. */
interface LotAsJson {
  readonly id: string;
  readonly version: number;
  title: string;
  reserve?: number;
  ends?: string;
  bids?: readonly { at: string; amount: number }[];
}

// The compiler is what these tests are run by (`npm run typecheck`); nothing connects.
declare const client: KafkaSocketClient;
const compiled: (check: () => void) => void = () => undefined;

describe('the types of generic commands', () => {
  it('say what an entity needs', () => {
    expectTypeOf<{ title: string }>().toExtend<Create<Lot>>();
    expectTypeOf<{ id: string; title: string; reserve: number }>().toExtend<Create<Lot>>();
    expectTypeOf<{ seat: number }>().not.toExtend<Create<Ticket>>(); // a number cannot be made up
    expectTypeOf<{ id: string; version: number }>().toExtend<Update<Lot>>();
    expectTypeOf<{ id: string; title: string }>().not.toExtend<Update<Lot>>();
    compiled(() => {
      // @ts-expect-error no entity: it has no version
      Create(PlaceBid);
    });
  });

  it('say what a client sends and gets', () => {
    compiled(() => {
      expectTypeOf(client.send(Create(Lot), { title: 'Jar' })).resolves.toEqualTypeOf<LotAsJson>();
      expectTypeOf(client.send(Update(Lot), { id: 'x', version: 1, title: 'Jar' })).resolves.toEqualTypeOf<LotAsJson>();
      expectTypeOf(client.send(Get(Ticket), { id: 7 }, { ttl: 5 })).resolves.toEqualTypeOf<Ticket>();
      expectTypeOf(client.send(List(Lot), { where: { title: 'Jar' } })).resolves.toEqualTypeOf<EntityPage<LotAsJson>>();
      expectTypeOf(client.send(PlaceBid, { lot: 7 })).resolves.toEqualTypeOf<unknown>();
      client.on(Created(Lot), (lot) => expectTypeOf(lot).toEqualTypeOf<LotAsJson>());
      client.on(Deleted(Lot), (lot) => expectTypeOf(lot).toEqualTypeOf<Pick<Lot, 'id' | 'version'>>());
      // @ts-expect-error a new lot has a title
      void client.send(Create(Lot), { reserve: 5 });
      // @ts-expect-error a change names the version that was seen
      void client.send(Update(Lot), { id: 'x', title: 'Jar' });
      // @ts-expect-error lots have no colour
      void client.send(Update(Lot), { id: 'x', version: 1, colour: 'red' });
      // @ts-expect-error lots are not found by methods
      void client.send(List(Lot), { where: { isDear: true } });
      // @ts-expect-error ids of tickets are numbers
      void client.send(Get(Ticket), { id: '7' });
      // @ts-expect-error a bid is for a lot
      void client.send(PlaceBid, {});
      // @ts-expect-error a plain class does not say what happened
      client.on(PlaceBid, () => undefined);
    });
  });

  it('say what handlers take and give', () => {
    class Handlers {
      @CommandHandler(Create(Lot))
      async create({ data }: Command<Create<Lot>>): Promise<Lot> {
        return Object.assign(new Lot(), data, { id: '1', version: 1 });
      }

      // @ts-expect-error the client expects a lot
      @CommandHandler(Update(Lot))
      async update(_command: Command<Update<Lot>>): Promise<{ id: string }> {
        return { id: '1' };
      }

      // @ts-expect-error the command carries another class
      @CommandHandler(Delete(Lot))
      async delete(_command: Command<Delete<Ticket>>): Promise<Delete<Lot>> {
        return { id: '1', version: 1 };
      }

      @EventHandler(Created(Lot))
      created({ data }: Event<Created<Lot>>): string {
        return data.title;
      }

      // @ts-expect-error what is gone has no title
      @EventHandler(Deleted(Lot))
      deleted({ data }: Event<Lot>): string {
        return data.title;
      }
    }
    expect(Handlers.name).toBe('Handlers');
  });
});
