import type { EntityData, VersionedEntity } from '../../entity/versioned.entity.js';

/** Which entities are asked for. */
export interface EntityQuery<T extends VersionedEntity> {
  /** What they have in common; null stands for nothing there. Every property was checked by the validators of the class. */
  readonly where: Partial<EntityData<T>>;
  /** The id behind which they begin; left out: from the first. */
  readonly after?: T['id'];
  /** How many at most. */
  readonly limit: number;
}

/**
 * Where the entities of a kind are kept: what TypeORM, Prisma or plain SQL have to offer so that generic commands work on it. What
 * is not there, or has another version, is told by what is returned; whatever a method throws makes its command `failed`, and
 * sends it to the dead letters. `entityRepositoryContract` of `nestjs-kafka-socket/testing` proves all that is said here.
 */
export interface EntityRepository<T extends VersionedEntity> {
  /** The entity of an id; undefined where there is none. What is done to it afterwards does not change what is kept. */
  find(id: T['id']): Promise<T | undefined>;
  /**
   * Those that are alike, in an order of their ids that stays as it is; which one does not matter, as long as `after` goes by the
   * same. Each is there once where page follows page, whatever else is inserted or removed meanwhile.
   */
  list(query: EntityQuery<T>): Promise<readonly T[]>;
  /** Keeps a new one. False, and nothing is changed, where its id is taken. One step: of two at the same time one is told false. */
  insert(entity: T): Promise<boolean>;
  /**
   * Keeps an entity in place of the version that is expected. False, and nothing is changed, where there is no such entity of that
   * version. One step, such as `UPDATE … WHERE id = ? AND version = ?`: of two at the same time one is told false.
   */
  update(entity: T, expected: number): Promise<boolean>;
  /** Takes an entity away, as `update` keeps it: one step, and false where there is none of that version. */
  remove(id: T['id'], expected: number): Promise<boolean>;
}
