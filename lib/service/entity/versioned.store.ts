import type { Create, Delete, EntityPage, Get, List, Update } from '../../entity/generic.command.js';
import { USUAL_PAGE } from '../../entity/generic.command.js';
import { eventEntityOf } from '../../entity/event-entity.decorator.js';
import type { EntityClass, EntityVersion, VersionedEntity } from '../../entity/versioned.entity.js';
import { CommandRejectedError } from '../service.errors.js';
import type { EntityRepository } from './entity.repository.js';
import { cursorOf, idOf } from './page.cursor.js';

/**
 * The rules of the generic commands over a repository: who may be first, which version counts, how a page ends. A handler of your own
 * may use it and add to it; what is against a rule is thrown as a `CommandRejectedError`, and becomes the outcome.
 */
export class VersionedStore<T extends VersionedEntity> {
  constructor(
    private readonly entity: EntityClass<T>,
    private readonly repository: EntityRepository<T>,
  ) {}

  /**
   * Keeps a new entity, as version 1.
   * @param commandId id of the command's message: that of an entity that came without. It is the same when the command comes again
   * after a crash, and then the entity that is there already is the answer.
   * @throws {CommandRejectedError} `ALREADY_EXISTS`
   */
  async create(data: Create<T>, commandId: string): Promise<T> {
    const id: T['id'] = data.id ?? commandId;
    const entity = Object.assign(new this.entity(), data, { id, version: 1 });
    if (await this.repository.insert(entity)) return entity;
    const mine = data.id === undefined && (await this.repository.find(id));
    if (mine) return mine;
    throw new CommandRejectedError('ALREADY_EXISTS', `There is a ${this.name} of this id already.`);
  }

  /**
   * Changes what was given of an entity.
   * @throws {CommandRejectedError} `NOT_FOUND`, or `VERSION_CONFLICT` with `value: { version }`, the version that there is now
   */
  async update({ id, version, ...changes }: Update<T>): Promise<T> {
    const known = await this.expect(id, version);
    const changed = Object.assign(Object.create(Object.getPrototypeOf(known) as object) as T, known, changes, {
      version: version + 1,
    });
    if (await this.repository.update(changed, version)) return changed;
    throw await this.overtaken(id, version);
  }

  /** Takes an entity away. @throws as {@link update} does */
  async delete({ id, version }: Delete<T>): Promise<EntityVersion<T>> {
    if (await this.repository.remove(id, version)) return { id, version };
    throw await this.overtaken(id, version);
  }

  /** @throws {CommandRejectedError} `NOT_FOUND` */
  async get({ id }: Get<T>): Promise<T> {
    const known = await this.repository.find(id);
    if (known) return known;
    throw this.notFound();
  }

  /** @throws {CommandRejectedError} `INVALID_CURSOR` */
  async list({ where = {}, limit = USUAL_PAGE, cursor }: List<T>): Promise<EntityPage<T>> {
    const after = cursor === undefined ? undefined : idOf(cursor);
    // One more than was asked for tells whether there is a next page.
    const found = await this.repository.list({ where, limit: limit + 1, after });
    if (found.length <= limit) return { items: found };
    const items = found.slice(0, limit);
    return { items, cursor: cursorOf(items.at(-1)!.id) };
  }

  private async expect(id: T['id'], version: number): Promise<T> {
    const known = await this.get({ id });
    if (known.version === version) return known;
    throw conflict(this.name, version, known.version);
  }

  /** Why a write that expected a version met none. */
  private async overtaken(id: T['id'], version: number): Promise<CommandRejectedError> {
    const known = await this.repository.find(id);
    if (!known) return this.notFound();
    // Gone and made anew between the two: it has the version again, and is another one.
    return conflict(this.name, version, known.version);
  }

  private notFound(): CommandRejectedError {
    return new CommandRejectedError('NOT_FOUND', `There is no ${this.name} of this id.`);
  }

  private get name(): string {
    return eventEntityOf(this.entity)?.entity ?? this.entity.name;
  }
}

/** Says which version there is and nothing of what it holds: who may change an entity need not be allowed to read it. */
function conflict(name: string, expected: number, version: number): CommandRejectedError {
  return new CommandRejectedError(
    'VERSION_CONFLICT',
    `The ${name} was changed meanwhile: version ${expected} was expected, and it has version ${version}. Get it and try again.`,
    { value: { version } },
  );
}
