import { CommandAddress } from './command-address.decorator.js';
import { EntityBindings, namedClass } from './entity.binding.js';
import type { PayloadClass } from './payload.class.js';
import type { EntityClass, EntityData, EntityId, EntityVersion, VersionedEntity } from './versioned.entity.js';

/** What a generic command does to its entity. */
export type EntityVerb = 'Create' | 'Update' | 'Delete' | 'Get' | 'List';

/** The most that one page of a list holds. */
export const LONGEST_PAGE = 100;
/** What a page holds where nobody says. */
export const USUAL_PAGE = 50;

/** A new entity. An `id` that is a text may be left out: then it gets one, a UUID. */
export type Create<T extends VersionedEntity> = EntityData<T> &
  (string extends T['id'] ? Partial<Pick<T, 'id'>> : Pick<T, 'id'>);
/** What of an entity shall change, and the version that was seen: where it is another one by now, nothing changes. */
export type Update<T extends VersionedEntity> = EntityVersion<T> & Partial<EntityData<T>>;
/** The entity that shall go, and the version that was seen. */
export type Delete<T extends VersionedEntity> = EntityVersion<T>;
/** The entity that is asked for. */
export type Get<T extends VersionedEntity> = Pick<T, 'id'>;
/** A page of the entities that are alike. */
export interface List<T extends VersionedEntity> {
  /** What they have in common: texts, numbers, booleans or null. @default all */
  readonly where?: Partial<EntityData<T>>;
  /** How many at most, up to 100. @default 50 */
  readonly limit?: number;
  /** Where the page before ended: its `cursor`. @default the first page */
  readonly cursor?: string;
}

/** What {@link List} is answered with. */
export interface EntityPage<T> {
  readonly items: readonly T[];
  /** For the next page; left out: there is none. */
  readonly cursor?: string;
}

/** What a generic command is bound to. */
export interface EntityCommand<R = unknown> {
  readonly verb: EntityVerb;
  readonly entity: EntityClass;
  /** For the compiler alone: what it is answered with. */
  readonly result?: R;
}

const COMMAND = Symbol('kafka-socket:entity-command');

/** A generic command, bound to an entity: what `@CommandHandler`, `MessagePublisher` and clients take as any other command. */
export interface EntityCommandClass<P extends object, R> extends PayloadClass<P> {
  readonly [COMMAND]: EntityCommand<R>;
}

const [CREATE, UPDATE, DELETE, GET, LIST] = (['Create', 'Update', 'Delete', 'Get', 'List'] as const).map(commands);

/**
 * The command that makes an entity: `CreateLot`, answered with the entity, `rejected` with `ALREADY_EXISTS`, or `invalid`. Who
 * handles it also publishes the event `Lot.Created`.
 *
 * @param entity a class with `@EventEntity`
 * @throws {InvalidEntityError} `entity_invalid`
 *
 * @example
 * ```ts
 * @CommandHandler(Create(Lot))
 * async create({ data }: Command<Create<Lot>>, { message }: CommandContext): Promise<Lot> { … }
 *
 * const lot = await client.send(Create(Lot), { title: 'Moon Jar' });
 * ```
 */
export function Create<T extends VersionedEntity>(entity: EntityClass<T>): EntityCommandClass<Create<T>, T> {
  return CREATE!.of(entity) as EntityCommandClass<Create<T>, T>;
}

/** The command that changes an entity: `UpdateLot`, answered with the entity as it is then, `NOT_FOUND` or `VERSION_CONFLICT`; event `Lot.Updated`. @throws as {@link Create} */
export function Update<T extends VersionedEntity>(entity: EntityClass<T>): EntityCommandClass<Update<T>, T> {
  return UPDATE!.of(entity) as EntityCommandClass<Update<T>, T>;
}

/** The command that takes an entity away: `DeleteLot`, answered with what is gone, `NOT_FOUND` or `VERSION_CONFLICT`; event `Lot.Deleted`. @throws as {@link Create} */
export function Delete<T extends VersionedEntity>(
  entity: EntityClass<T>,
): EntityCommandClass<Delete<T>, EntityVersion<T>> {
  return DELETE!.of(entity) as EntityCommandClass<Delete<T>, EntityVersion<T>>;
}

/** The command that asks for an entity: `GetLot`, answered with it, or `NOT_FOUND`. @throws as {@link Create} */
export function Get<T extends VersionedEntity>(entity: EntityClass<T>): EntityCommandClass<Get<T>, T> {
  return GET!.of(entity) as EntityCommandClass<Get<T>, T>;
}

/** The command that asks for many: `ListLots` (the entity's name and an s, whatever English says), answered with a page. @throws as {@link Create} */
export function List<T extends VersionedEntity>(entity: EntityClass<T>): EntityCommandClass<List<T>, EntityPage<T>> {
  return LIST!.of(entity) as EntityCommandClass<List<T>, EntityPage<T>>;
}

/** What a class is bound to; undefined for every class that is no generic command. */
export function entityCommandOf(payload: PayloadClass): EntityCommand | undefined {
  return Object.hasOwn(payload, COMMAND) ? (payload as EntityCommandClass<object, unknown>)[COMMAND] : undefined;
}

/** The record key of a command about one entity, so that all changes of it stay in order; undefined for all other commands. */
export function entityKeyOf(payload: PayloadClass, data: unknown): string | undefined {
  if (!entityCommandOf(payload)) return undefined;
  const { id } = (data ?? {}) as { id?: EntityId };
  return id === undefined ? undefined : String(id);
}

function commands(verb: EntityVerb): EntityBindings<EntityCommandClass<object, unknown>> {
  return new EntityBindings(verb, (entity, declared) => {
    const name = `${verb}${declared.entity}${verb === 'List' ? 's' : ''}`;
    const command = Object.assign(namedClass(name), { [COMMAND]: { verb, entity } });
    CommandAddress(declared.topic, name)(command);
    return command;
  });
}
