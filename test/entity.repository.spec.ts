import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Database } from '../examples/transactional-inbox/database.js';
import { Lot } from '../examples/generic-commands/lot.js';
import { SqliteLotRepository } from '../examples/generic-commands/sqlite.lot.repository.js';
import type { EntityRepository } from '../lib/service/entity/entity.repository.js';
import { MemoryEntityRepository } from '../lib/service/entity/memory.entity.repository.js';
import { VersionedStore } from '../lib/service/entity/versioned.store.js';
import { entityRepositoryContract } from '../lib/testing/entity.repository.contract.js';

/** The example's repository writes in the transaction of its inbox; here every call has one of its own. */
function openSqlite(): EntityRepository<Lot> {
  const database = new Database(':memory:');
  onTestFinished(() => database.onApplicationShutdown());
  const repository = new SqliteLotRepository(database);
  repository.onModuleInit();
  return {
    find: (id) => repository.find(id),
    list: (query) => repository.list(query),
    insert: (lot) => database.transaction(() => repository.insert(lot)),
    update: (lot, expected) => database.transaction(() => repository.update(lot, expected)),
    remove: (id, expected) => database.transaction(() => repository.remove(id, expected)),
  };
}

const openMemory = (): EntityRepository<Lot> => new MemoryEntityRepository();
const newLot = (): Lot => Object.assign(new Lot(), { id: randomUUID(), version: 1, title: 'Jar', estimate: 5 });
const property = { name: 'title', values: ['Moon Jar', 'Chair'] } as const;

describe.each([
  ['in memory', openMemory],
  ['of the example, on SQLite', openSqlite],
])('the repository %s', (_where, open) => {
  for (const { title, check } of entityRepositoryContract({ open, entity: newLot, property })) it(title, check);

  it('has every lot on one page, whatever the pages and the filter are', async () => {
    const lots = fc.array(
      fc.record({ title: fc.constantFrom('Jar', 'Chair'), estimate: fc.constantFrom(1, 2, null) }),
      {
        maxLength: 12,
      },
    );
    const filter = fc.constantFrom({}, { title: 'Jar' }, { title: 'Chair', estimate: 2 }, { estimate: null });
    await fc.assert(
      fc.asyncProperty(lots, fc.integer({ min: 1, max: 5 }), filter, async (given, limit, where) => {
        const store = new VersionedStore(Lot, open());
        const made = await Promise.all(given.map((lot) => store.create(lot, randomUUID())));
        const seen: Lot[] = [];
        let cursor: string | undefined;
        do {
          const page = await store.list({ where, limit, cursor });
          seen.push(...page.items);
          ({ cursor } = page);
        } while (cursor);
        const expected = made.filter((lot) =>
          Object.entries(where).every(([name, value]) => lot[name as 'title'] === value),
        );
        expect(seen.map(({ id }) => id).sort()).toEqual(expected.map(({ id }) => id).sort());
      }),
      { numRuns: 30 },
    );
  });
});

describe('the contract', () => {
  const breaches: [string, string, (repository: EntityRepository<Lot>) => Partial<EntityRepository<Lot>>][] = [
    [
      'updates no other version',
      'updates whatever version there is',
      (kept) => ({
        update: async (lot) => {
          const known = await kept.find(lot.id);
          return known ? kept.update(lot, known.version) : false;
        },
      }),
    ],
    [
      'lists each once',
      'ignores where a page begins',
      (kept) => ({
        list: ({ where, limit }) => kept.list({ where, limit }),
      }),
    ],
    [
      'inserts nothing where the id is taken',
      'inserts over what is there',
      (kept) => ({
        insert: async (lot) => (await kept.insert(lot)) || (await kept.update(lot, 1)),
      }),
    ],
    [
      'lists those that are alike',
      'ignores the filter',
      (kept) => ({
        list: (query) => kept.list({ ...query, where: {} }),
      }),
    ],
  ];
  it.each(breaches)('"%s" finds one that %s', async (title, _what, broken) => {
    const open = () => {
      const kept = openMemory();
      const whole: EntityRepository<Lot> = {
        find: (id) => kept.find(id),
        list: (query) => kept.list(query),
        insert: (lot) => kept.insert(lot),
        update: (lot, expected) => kept.update(lot, expected),
        remove: (id, expected) => kept.remove(id, expected),
      };
      return { ...whole, ...broken(kept) };
    };
    const cases = entityRepositoryContract({ open, entity: newLot, property });

    const found = cases.filter((one) => one.title.startsWith(title));

    expect(found).toHaveLength(1);
    await expect(found[0]!.check()).rejects.toThrow();
  });
});

describe('the repository in memory', () => {
  it('holds no more than it may', async () => {
    const repository = new MemoryEntityRepository<Lot>({ capacity: 1 });
    const lot = newLot();
    await repository.insert(lot);

    await expect(repository.insert(newLot())).rejects.toMatchObject({ code: 'repository_full' });
    await repository.remove(lot.id, 1);
    expect(await repository.insert(newLot())).toBe(true);
  });
});
