import type { EntityId, VersionedEntity } from '../../entity/versioned.entity.js';
import { KafkaSocketError } from '../../kafka-socket.error.js';
import type { EntityQuery, EntityRepository } from './entity.repository.js';

/** A repository in memory that holds as many entities as it may. */
export class RepositoryFullError extends KafkaSocketError {
  readonly code = 'repository_full';
}

/** How much a repository in memory holds. */
export interface MemoryEntityRepositoryOptions {
  /** Entities at most; a further one is refused, and its command `failed`. @default 10_000 */
  readonly capacity?: number;
}

/** Entities in the memory of one process: for tests and development. They are gone with it, and other instances do not see them. */
export class MemoryEntityRepository<T extends VersionedEntity> implements EntityRepository<T> {
  private readonly entities = new Map<T['id'], T>();
  private readonly capacity: number;

  constructor({ capacity = 10_000 }: MemoryEntityRepositoryOptions = {}) {
    this.capacity = capacity;
  }

  find(id: T['id']): Promise<T | undefined> {
    const known = this.entities.get(id);
    return Promise.resolve(known && copy(known));
  }

  list({ where, after, limit }: EntityQuery<T>): Promise<readonly T[]> {
    const wanted = Object.entries(where);
    const found = [...this.entities.values()]
      .filter((entity) => after === undefined || compare(entity.id, after) > 0)
      .filter((entity) =>
        wanted.every(([name, value]) => ((entity as Record<string, unknown>)[name] ?? null) === value),
      )
      .sort((one, other) => compare(one.id, other.id));
    return Promise.resolve(found.slice(0, limit).map(copy));
  }

  /** @throws {RepositoryFullError} `repository_full` */
  async insert(entity: T): Promise<boolean> {
    if (this.entities.has(entity.id)) return false;
    if (this.entities.size >= this.capacity) {
      throw new RepositoryFullError(
        `The repository in memory holds ${this.capacity} entities, as many as it may. Raise its capacity, or keep them in a database.`,
      );
    }
    this.entities.set(entity.id, copy(entity));
    return true;
  }

  async update(entity: T, expected: number): Promise<boolean> {
    if (this.entities.get(entity.id)?.version !== expected) return false;
    this.entities.set(entity.id, copy(entity));
    return true;
  }

  async remove(id: T['id'], expected: number): Promise<boolean> {
    return this.entities.get(id)?.version === expected && this.entities.delete(id);
  }
}

function compare(one: EntityId, other: EntityId): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

/** Nobody's later changes may reach what is kept. Methods that are properties, as arrow functions are, are no data. */
function copy<T extends VersionedEntity>(entity: T): T {
  const data = Object.fromEntries(Object.entries(entity).filter(([, value]) => typeof value !== 'function'));
  return Object.assign(Object.create(Object.getPrototypeOf(entity) as object) as T, structuredClone(data));
}
