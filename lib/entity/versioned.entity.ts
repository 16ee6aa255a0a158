import type { PayloadClass } from './payload.class.js';

/** What names an entity among its kind. */
export type EntityId = string | number;

/** What generic commands need to know of an entity. The version begins with 1 and is counted up by every change. */
export interface VersionedEntity {
  readonly id: EntityId;
  readonly version: number;
}

/** A class with `@EventEntity` whose instances have `id` and `version`. */
export type EntityClass<T extends VersionedEntity = VersionedEntity> = PayloadClass<T>;

/** Which entity, as of which version. */
export type EntityVersion<T extends VersionedEntity> = Pick<T, 'id' | 'version'>;

/** What an entity holds beside `id` and `version`; its methods do not travel. */
export type EntityData<T extends VersionedEntity> = {
  -readonly [K in keyof T as K extends 'id' | 'version' ? never : T[K] extends Method ? never : K]: T[K];
};

type Method = (...args: never[]) => unknown;
