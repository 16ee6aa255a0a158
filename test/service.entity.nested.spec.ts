import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Type } from 'class-transformer';
import { IsArray, IsInt, IsOptional, IsString, IsUUID, ValidateNested } from 'class-validator';
import { describe, expect, it } from 'vitest';
import { EventEntity } from '../lib/entity/event-entity.decorator.js';
import { Create, Get, List, Update } from '../lib/entity/generic.command.js';
import type { PayloadClass } from '../lib/entity/payload.class.js';
import { EntityHandlers } from '../lib/service/entity/entity.handlers.js';
import { MemoryEntityRepository } from '../lib/service/entity/memory.entity.repository.js';
import { cursorOf } from '../lib/service/entity/page.cursor.js';
import { house, testerOn } from './support/lots.js';
import { fresh, startService } from './support/service.js';

class Address {
  @IsString() city!: string;
  @IsOptional() @IsString() street?: string;
}

class Line {
  @IsInt() amount!: number;
}

/** Shops, of which objects and lists of objects are part, and one that is kept. */
async function shops() {
  const topic = fresh('shops');
  @EventEntity(topic, 'Shop')
  class Shop {
    @IsUUID() id!: string;
    version!: number;
    @IsString() name!: string;
    @ValidateNested() @Type(() => Address) address!: Address;
    @IsOptional() @IsArray() @ValidateNested({ each: true }) @Type(() => Line) lines?: Line[];
    readonly label = (): string => this.name;
  }
  @Injectable()
  class Shops extends EntityHandlers(Shop, MemoryEntityRepository<Shop>) {}
  const { log } = await startService({ providers: [MemoryEntityRepository, Shops] });
  const tester = await testerOn(log, topic);
  const send = (command: PayloadClass, payload: unknown) => tester.send(command, payload as never);
  const id = randomUUID();
  const made = await send(Create(Shop), { id, name: 'Ware', address: { city: 'Utrecht' }, lines: [{ amount: 1 }] });
  return { Shop, send, id, made };
}

describe('an entity that holds objects', () => {
  it('is kept, though a method of it is a property', async () => {
    const { made } = await shops();
    expect(made).toMatchObject({ status: 'success', value: { name: 'Ware', address: { city: 'Utrecht' } } });
  });

  it('is not changed to one with half an object: what was given takes the place of the whole one', async () => {
    const { Shop, send, id } = await shops();
    const change = (changes: object) => send(Update(Shop), { id, version: 1, ...changes });

    expect(await change({ address: {} })).toMatchObject({ status: 'invalid', errors: [{ path: 'address.city' }] });
    expect(await change({ lines: [{}] })).toMatchObject({ status: 'invalid', errors: [{ path: 'lines.0.amount' }] });
    expect(await change({ address: { city: 'Ede', rent: 1 } })).toMatchObject({ errors: [{ path: 'address.rent' }] });
    const moved = await change({ address: { city: 'Ede' } });
    expect(moved).toMatchObject({ status: 'success', value: { name: 'Ware', version: 2, address: { city: 'Ede' } } });
    expect(await send(Get(Shop), { id })).toMatchObject({
      value: { address: { city: 'Ede' }, lines: [{ amount: 1 }] },
    });
  });
});

describe('a cursor', () => {
  it.each([
    ['of an entity that has numbers for ids', cursorOf(5)],
    ['that names no id of this entity', cursorOf("' OR 1=1 --")],
    ['that somebody made up', 'bm8'],
  ])('is refused before a database sees it: one %s', async (_what, cursor) => {
    const { Lot, send } = await house();
    expect(await send(List(Lot), { cursor })).toMatchObject({ status: 'rejected', code: 'INVALID_CURSOR' });
  });

  it('goes on behind any id that there may be, however long it is when it is written', async () => {
    const topic = fresh('words');
    @EventEntity(topic, 'Word')
    class Word {
      @IsString() id!: string;
      version!: number;
    }
    @Injectable()
    class Words extends EntityHandlers(Word, MemoryEntityRepository<Word>) {}
    const { log } = await startService({ providers: [MemoryEntityRepository, Words] });
    const tester = await testerOn(log, topic);
    const ids = ['\u0001'.repeat(200), '\u0002'];
    for (const id of ids) await tester.send(Create(Word), { id });

    const { value: first } = (await tester.send(List(Word), { limit: 1 })) as { value: { cursor: string } };
    const second = await tester.send(List(Word), { limit: 1, cursor: first.cursor });

    expect(second).toMatchObject({ status: 'success', value: { items: [{ id: ids[1] }] } });
  });
});
