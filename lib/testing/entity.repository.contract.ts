import assert from 'node:assert/strict';
import type { VersionedEntity } from '../entity/versioned.entity.js';
import type { EntityRepository } from '../service/entity/entity.repository.js';

/** What the contract is run with. */
export interface RepositoryUnderTest<T extends VersionedEntity> {
  /** A repository that holds nothing; called for each case. */
  readonly open: () => EntityRepository<T> | Promise<EntityRepository<T>>;
  /** Another entity at each call, version 1, with an id of its own. */
  readonly entity: () => T;
  /** A property beside `id` and `version`, and two values that it can have: what is changed, and what is searched for. */
  readonly property: { readonly name: keyof T & string; readonly values: readonly [unknown, unknown] };
}

/** One sentence of the contract of {@link EntityRepository}. */
export interface ContractCase {
  readonly title: string;
  /** Throws an AssertionError where the repository breaks it. */
  readonly check: () => Promise<void>;
}

/**
 * What an {@link EntityRepository} promises, case by case, for any test runner.
 *
 * @example
 * ```ts
 * const contract = entityRepositoryContract({
 *   open: () => new LotRepository(new Database(':memory:')),
 *   entity: () => Object.assign(new Lot(), { id: randomUUID(), version: 1, title: 'Moon Jar' }),
 *   property: { name: 'title', values: ['Moon Jar', 'Chair'] },
 * });
 * describe('LotRepository', () => {
 *   for (const { title, check } of contract) it(title, check);
 * });
 * ```
 */
export function entityRepositoryContract<T extends VersionedEntity>(subject: RepositoryUnderTest<T>): ContractCase[] {
  return Object.entries(CASES).map(([title, check]) => ({
    title,
    check: async () => check(new Trial(await subject.open(), subject) as unknown as Trial<VersionedEntity>),
  }));
}

/** A repository and what to put into it. */
class Trial<T extends VersionedEntity> {
  constructor(
    readonly repository: EntityRepository<T>,
    private readonly subject: RepositoryUnderTest<T>,
  ) {}

  /** An entity that is not kept yet, with the first or the second value. */
  entity(value: 0 | 1 = 0): T {
    return this.with(this.subject.entity(), value);
  }

  async kept(value: 0 | 1 = 0): Promise<T> {
    const entity = this.entity(value);
    assert.equal(await this.repository.insert(entity), true, 'a new entity is inserted');
    return entity;
  }

  /** The next version of an entity, with the second value. */
  changed(entity: T, value: 0 | 1 = 1): T {
    return this.with({ ...entity, version: entity.version + 1 }, value);
  }

  where(value: unknown): Record<string, unknown> {
    return { [this.subject.property.name]: value };
  }

  async holds(id: T['id'], entity: T | undefined): Promise<void> {
    assert.deepEqual(plain(await this.repository.find(id)), plain(entity));
  }

  /** All ids by pages of two; `between` may change what is there, behind the reader's back. */
  async read(
    where: object = {},
    between: (page: number) => Promise<unknown> = async () => undefined,
  ): Promise<T['id'][]> {
    const ids: T['id'][] = [];
    for (let page = 0; page < 100; page++) {
      const query = { where, limit: 2, ...(ids.length > 0 && { after: ids.at(-1)! }) };
      const found = await this.repository.list(query);
      assert.ok(found.length <= 2, 'a page is not longer than its limit');
      ids.push(...found.map(({ id }) => id));
      if (found.length < 2) return ids;
      await between(page);
    }
    return assert.fail('the pages never end');
  }

  private with(entity: T, value: 0 | 1): T {
    return Object.assign(entity, this.where(this.subject.property.values[value]));
  }

  valueOf(value: 0 | 1): unknown {
    return this.subject.property.values[value];
  }
}

type Case = (trial: Trial<VersionedEntity>) => Promise<void>;

const CASES: Readonly<Record<string, Case>> = {
  'finds what was inserted, as it was': async (trial) => {
    const [one, other] = [await trial.kept(), await trial.kept(1)];
    await trial.holds(one.id, one);
    await trial.holds(other.id, other);
  },

  'finds nothing of an id that nobody has': async (trial) => {
    await trial.kept();
    await trial.holds(trial.entity().id, undefined);
  },

  'hands over copies': async (trial) => {
    const kept = await trial.kept();
    Object.assign((await trial.repository.find(kept.id))!, { version: 99 });
    Object.assign((await trial.repository.list({ where: {}, limit: 1 }))[0]!, { version: 99 });
    await trial.holds(kept.id, kept);
  },

  'inserts nothing where the id is taken, and changes nothing': async (trial) => {
    const kept = await trial.kept();
    assert.equal(await trial.repository.insert({ ...trial.changed(kept), version: 1 }), false);
    await trial.holds(kept.id, kept);
  },

  'lets one of several insert at the same time': async (trial) => {
    const entity = trial.entity();
    const told = await Promise.all([1, 2, 3].map(() => trial.repository.insert({ ...entity })));
    assert.deepEqual(told.filter(Boolean), [true]);
  },

  'updates the version that is expected': async (trial) => {
    const [kept, other] = [await trial.kept(), await trial.kept()];
    const changed = trial.changed(kept);
    assert.equal(await trial.repository.update(changed, 1), true);
    await trial.holds(kept.id, changed);
    await trial.holds(other.id, other);
  },

  'updates no other version, and nothing that is not there': async (trial) => {
    const kept = await trial.kept();
    assert.equal(await trial.repository.update(trial.changed(kept), 2), false);
    assert.equal(await trial.repository.update(trial.changed(kept), 0), false);
    const nobody = trial.entity();
    assert.equal(await trial.repository.update(trial.changed(nobody), 1), false);
    await trial.holds(kept.id, kept);
    await trial.holds(nobody.id, undefined);
  },

  'lets one of several update at the same time': async (trial) => {
    const kept = await trial.kept();
    const told = await Promise.all([1, 2, 3].map(() => trial.repository.update(trial.changed(kept), 1)));
    assert.deepEqual(told.filter(Boolean), [true]);
  },

  'removes the version that is expected': async (trial) => {
    const [kept, other] = [await trial.kept(), await trial.kept()];
    assert.equal(await trial.repository.remove(kept.id, 1), true);
    await trial.holds(kept.id, undefined);
    await trial.holds(other.id, other);
    assert.equal(await trial.repository.remove(kept.id, 1), false);
  },

  'removes no other version': async (trial) => {
    const kept = await trial.kept();
    assert.equal(await trial.repository.remove(kept.id, 2), false);
    await trial.holds(kept.id, kept);
  },

  'takes an id again that was removed': async (trial) => {
    const kept = await trial.kept();
    await trial.repository.remove(kept.id, 1);
    assert.equal(await trial.repository.insert(kept), true);
  },

  'lists each once, page by page, in the same order every time': async (trial) => {
    const ids: unknown[] = [];
    for (let count = 0; count < 5; count++) ids.push((await trial.kept()).id);
    const read = await trial.read();
    assert.deepEqual(new Set<unknown>(read), new Set(ids));
    assert.equal(read.length, ids.length);
    assert.deepEqual(await trial.read(), read);
  },

  'lists nothing where nothing is, and behind the last': async (trial) => {
    assert.deepEqual(await trial.read(), []);
    const { id } = await trial.kept();
    assert.deepEqual(await trial.repository.list({ where: {}, limit: 2, after: id }), []);
  },

  'misses and repeats none that stayed, whatever goes and comes between two pages': async (trial) => {
    for (let count = 0; count < 6; count++) await trial.kept();
    const all = await trial.read();
    const gone = [all[0]!, all[3]!]; // one that was read, and one that was not
    const read = await trial.read({}, async (page) => {
      await trial.kept();
      if (page === 0) for (const id of gone) await trial.repository.remove(id, 1);
    });
    const stayed = all.filter((id) => !gone.includes(id));
    assert.deepEqual(
      stayed.filter((id) => read.includes(id)),
      stayed,
    );
    assert.equal(new Set(read).size, read.length);
  },

  'lists those that are alike': async (trial) => {
    const [one, two, three] = [await trial.kept(0), await trial.kept(1), await trial.kept(0)];
    const asked = (value: 0 | 1) => trial.read(trial.where(trial.valueOf(value)));
    assert.deepEqual(new Set(await asked(0)), new Set([one.id, three.id]));
    assert.deepEqual(await asked(1), [two.id]);
  },

  'does not take the value of a filter for a piece of a query': async (trial) => {
    if (typeof trial.valueOf(0) !== 'string') return;
    await trial.kept();
    assert.deepEqual(await trial.read(trial.where(`' OR 1=1 --`)), []);
    assert.deepEqual(await trial.read(trial.where('%')), []);
  },
};

/** Whether it is an instance of the class or not, what it holds is what counts. */
function plain(entity: object | undefined): object | undefined {
  return entity && { ...entity };
}
