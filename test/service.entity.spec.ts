import { randomUUID } from 'node:crypto';
import { type CanActivate, type ExecutionContext, Injectable, UseGuards } from '@nestjs/common';
import { IsInt, Min } from 'class-validator';
import { describe, expect, it } from 'vitest';
import { EventEntity } from '../lib/entity/event-entity.decorator.js';
import { Create, Delete, Get, List, Update } from '../lib/entity/generic.command.js';
import { Created, Deleted, Updated } from '../lib/entity/generic.event.js';
import { messageTypeOf } from '../lib/message/message.type.js';
import type { Command } from '../lib/message/command.js';
import type { Event } from '../lib/message/event.js';
import { CommandHandler } from '../lib/service/declaration/command-handler.decorator.js';
import { EventHandler } from '../lib/service/declaration/event-handler.decorator.js';
import { EntityHandlers } from '../lib/service/entity/entity.handlers.js';
import { MemoryEntityRepository } from '../lib/service/entity/memory.entity.repository.js';
import { house, lots, testerOn } from './support/lots.js';
import { BACKENDS, buildService, fresh, openLog, startService } from './support/service.js';

/** All events that stand in the log, and their keys. */
function eventsIn({ service }: Awaited<ReturnType<typeof house>>) {
  return service.follower.records
    .filter(({ headers }) => messageTypeOf(headers)?.kind === 'event')
    .map(({ headers, key }) => [messageTypeOf(headers)!.name, String(key)]);
}

describe.each(BACKENDS)('an entity whose handlers nobody wrote, on %s,', (backend) => {
  it('is made, changed, read, listed and taken away, and each change is an event under its id', async () => {
    const at = await house(await openLog(backend));
    const { Lot, tester, lot, send } = at;

    const made = await lot();
    expect(made).toEqual({ id: expect.any(String), version: 1, title: 'Moon Jar', reserve: 10, state: 'open' });
    const { id } = made;
    const changed = Object.assign({}, made, { version: 2, title: 'Chair' });
    expect(await send(Update(Lot), { id, version: 1, title: 'Chair' })).toEqual({ status: 'success', value: changed });
    expect(await send(Get(Lot), { id })).toEqual({ status: 'success', value: changed });
    expect(await send(List(Lot), {})).toEqual({ status: 'success', value: { items: [changed] } });
    const gone = { id, version: 2 };
    expect(await send(Delete(Lot), gone)).toEqual({ status: 'success', value: gone });
    expect(await send(Get(Lot), { id })).toMatchObject({ status: 'rejected', code: 'NOT_FOUND' });

    expect(await tester.nextEvent(Lot, 'Created')).toMatchObject({ data: made });
    expect(await tester.nextEvent(Lot, 'Updated')).toMatchObject({ data: changed });
    expect(await tester.nextEvent(Lot, 'Deleted')).toMatchObject({ data: gone });
    expect(eventsIn(at)).toEqual([
      ['Lot.Created', id],
      ['Lot.Updated', id],
      ['Lot.Deleted', id],
    ]);
  });
});

describe('two who change one version', () => {
  it('are told who was first, and the other one which version there is now', async () => {
    const at = await house();
    const { Lot, lot, send } = at;
    const { id } = await lot();

    const change = (title: string) => send(Update(Lot), { id, version: 1, title });
    const outcomes = await Promise.all([change('Chair'), change('Astrolabe')]);

    const [winner] = outcomes.filter(({ status }) => status === 'success');
    const [loser] = outcomes.filter(({ status }) => status === 'rejected');
    expect(winner).toMatchObject({ value: { version: 2 } });
    expect(loser).toMatchObject({ code: 'VERSION_CONFLICT', value: { version: 2 } });
    expect(JSON.stringify(loser)).not.toMatch(/Chair|Astrolabe|Moon/);
    expect(await send(Delete(Lot), { id, version: 1 })).toMatchObject({ code: 'VERSION_CONFLICT' });
    expect(eventsIn(at).map(([name]) => name)).toEqual(['Lot.Created', 'Lot.Updated']);
  });

  it('are told so where the repository notices it, between reading and writing', async () => {
    const { Lot, LotRepository, lot, send, service } = await house();
    const { id } = await lot();
    const repository = service.app.get<MemoryEntityRepository<{ id: string; version: number }>>(LotRepository);
    const update = repository.update.bind(repository);
    repository.update = async (entity, expected) => {
      await update({ ...entity, version: 7 }, expected);
      return update(entity, expected);
    };

    const told = await send(Update(Lot), { id, version: 1, title: 'Chair' });

    expect(told).toMatchObject({ status: 'rejected', code: 'VERSION_CONFLICT', value: { version: 7 } });
  });
});

describe('a command for an entity', () => {
  it('is rejected where there is none', async () => {
    const { Lot, send } = await house();
    const id = randomUUID();

    for (const command of [Update(Lot), Delete(Lot)]) {
      expect(await send(command, { id, version: 1 })).toMatchObject({ status: 'rejected', code: 'NOT_FOUND' });
    }
  });

  it('is rejected where it makes one that is there', async () => {
    const { Lot, lot, send } = await house();
    const { id } = await lot({ id: randomUUID() });

    const again = await send(Create(Lot), { id, title: 'Chair' });

    expect(again).toMatchObject({ status: 'rejected', code: 'ALREADY_EXISTS' });
    expect(await send(Get(Lot), { id })).toMatchObject({ value: { title: 'Moon Jar' } });
  });

  it('changes what was given, and nothing that has an initial value beside it', async () => {
    const { Lot, lot, send } = await house();
    const { id } = await lot({ reserve: 500, metal: 'gold' });

    const told = await send(Update(Lot), { id, version: 1, title: 'Chair' });

    expect(told).toMatchObject({ value: { title: 'Chair', reserve: 500, metal: 'gold', state: 'open' } });
    expect(await send(Update(Lot), { id, version: 2, metal: null })).toMatchObject({ value: { metal: null } });
  });

  it('says that a cursor is none', async () => {
    const { Lot, send } = await house();

    expect(await send(List(Lot), { cursor: '!!!' })).toMatchObject({ status: 'rejected', code: 'INVALID_CURSOR' });
  });
});

describe('an entity that comes again after a crash', () => {
  it('is the one that was made, where it came without an id', async () => {
    const { Lot, LotRepository, service } = await house();
    const { VersionedStore } = await import('../lib/service/entity/versioned.store.js');
    const store = new VersionedStore(Lot, service.app.get(LotRepository));
    const command = randomUUID();

    const first = await store.create({ title: 'Jar', reserve: 1 }, command);

    expect(await store.create({ title: 'Jar', reserve: 1 }, command)).toEqual(first);
    expect(first.id).toBe(command);
  });
});

describe('pages of a list', () => {
  it('hold each once, whatever their size, and those that are alike only', async () => {
    const { Lot, lot, send } = await house();
    const ids = new Set<string>();
    for (let count = 0; count < 7; count++) ids.add((await lot({ title: count < 5 ? 'Jar' : 'Chair' })).id);

    for (const [limit, where] of [
      [3, {}],
      [7, {}],
      [2, { title: 'Jar' }],
    ] as const) {
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const { value } = (await send(List(Lot), { limit, where, cursor })) as { value: Page };
        expect(value.items.length).toBeLessThanOrEqual(limit);
        seen.push(...value.items.map((item) => item.id));
        ({ cursor } = value);
      } while (cursor);
      expect(seen).toHaveLength('title' in where ? 5 : 7);
      expect(new Set(seen).size).toBe(seen.length);
    }
  });
});

interface Page {
  items: { id: string }[];
  cursor?: string;
}

describe('handlers of an entity', () => {
  it('have the guards of their class, and of a method that takes the place of one', async () => {
    const { topic, Lot, LotRepository } = lots();
    class Closed implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        return context.getHandler().name !== 'delete';
      }
    }
    class Never implements CanActivate {
      canActivate(): boolean {
        return false;
      }
    }
    @Injectable()
    @UseGuards(Closed)
    class Lots extends EntityHandlers(Lot, LotRepository) {
      @UseGuards(Never)
      @CommandHandler(Update(Lot))
      override update(...given: Parameters<InstanceType<ReturnType<typeof base>>['update']>) {
        return super.update(...given);
      }
    }
    const base = () => EntityHandlers(Lot, LotRepository);
    const { log } = await startService({ providers: [LotRepository, Lots, Closed, Never] });
    const tester = await testerOn(log, topic);

    const made = await tester.send(Create(Lot), { title: 'Jar', reserve: 1 });
    expect(made).toMatchObject({ status: 'success' });
    const { id } = (made as { value: { id: string } }).value;
    expect(await tester.send(Update(Lot), { id, version: 1 })).toMatchObject({ code: 'FORBIDDEN' });
    expect(await tester.send(Delete(Lot), { id, version: 1 })).toMatchObject({ code: 'FORBIDDEN' });
  });

  it('can be some of them only', async () => {
    const { Lot, LotRepository } = lots();
    @Injectable()
    class Lots extends EntityHandlers(Lot, LotRepository, { only: ['Get', 'List'] }) {}

    const { runner } = await buildService({ providers: [LotRepository, Lots] });

    expect(
      runner
        .explore()
        .handlers.map(({ name }) => name)
        .sort(),
    ).toEqual(['GetLot', 'ListLots']);
    expect(() => EntityHandlers(Lot, LotRepository, { only: ['Read' as 'Get'] })).toThrow('only holds "Read"');
  });

  it('can be written by hand, with numbers for ids, and are told of their events', async () => {
    const topic = fresh('tickets');
    @EventEntity(topic)
    class Ticket {
      @IsInt() @Min(1) id!: number;
      version!: number;
      @IsInt() seat!: number;
    }
    const heard: unknown[] = [];
    @Injectable()
    class Tickets {
      @CommandHandler(Create(Ticket))
      async create({ data }: Command<Create<Ticket>>): Promise<Ticket> {
        return { ...data, version: 1 };
      }

      @CommandHandler(Delete(Ticket))
      delete({ data: { id, version } }: Command<Delete<Ticket>>) {
        return { id, version };
      }

      @EventHandler(Created(Ticket))
      onCreated({ data }: Event<Created<Ticket>>): void {
        heard.push(data instanceof Ticket, Object.assign({}, data));
      }

      @EventHandler(Updated(Ticket))
      onUpdated(): void {}

      @EventHandler(Deleted(Ticket))
      onDeleted({ data }: Event<Deleted<Ticket>>): void {
        heard.push({ ...data });
      }
    }
    const { log } = await startService({ providers: [Tickets] });
    const tester = await testerOn(log, topic);

    expect(await tester.send(Create(Ticket), { seat: 5 } as never)).toMatchObject({ errors: [{ path: 'id' }] });
    expect(await tester.send(Create(Ticket), { id: 7, seat: 5 })).toMatchObject({
      value: { id: 7, version: 1, seat: 5 },
    });
    expect(await tester.send(Delete(Ticket), { id: 7, version: 1 })).toMatchObject({ status: 'success' });

    await expect.poll(() => heard).toEqual([true, { id: 7, version: 1, seat: 5 }, { id: 7, version: 1 }]);
  });

  it('need a class that says what its ids are', async () => {
    @EventEntity(fresh('bare'), 'Bare')
    class Bare {
      id!: string;
      version!: number;
    }
    @Injectable()
    class Bares extends EntityHandlers(Bare, MemoryEntityRepository) {}
    const { runner } = await buildService({ providers: [MemoryEntityRepository, Bares] });

    expect(() => runner.explore()).toThrow(/class Bare does not say what its ids are/);
  });
});
