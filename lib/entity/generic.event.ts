import { EntityBindings, namedClass } from './entity.binding.js';
import { EventEntity } from './event-entity.decorator.js';
import type { PayloadClass } from './payload.class.js';
import type { EntityClass, EntityVersion, VersionedEntity } from './versioned.entity.js';

/** What happens to an entity. */
export type EntityEventType = 'Created' | 'Updated' | 'Deleted';

/** A new entity, as it is. */
export type Created<T extends VersionedEntity> = T;
/** A changed entity, as it is now. */
export type Updated<T extends VersionedEntity> = T;
/** Which entity is gone, and which version it had. */
export type Deleted<T extends VersionedEntity> = EntityVersion<T>;

/** What a generic event is bound to. */
export interface EntityEvent {
  readonly eventType: EntityEventType;
  readonly entity: EntityClass;
}

const EVENT = Symbol('kafka-socket:entity-event');

/** A generic event, bound to an entity: what `@EventHandler` and `client.on` take. */
export interface EntityEventClass<D extends object> extends PayloadClass<D> {
  readonly [EVENT]: EntityEvent;
}

const [CREATED, UPDATED, DELETED] = (['Created', 'Updated', 'Deleted'] as const).map(events);

/**
 * The event that an entity was made, with all of it.
 *
 * @param entity a class with `@EventEntity`
 * @throws {InvalidEntityError} `entity_invalid`
 *
 * @example
 * ```ts
 * @EventHandler(Created(Lot))
 * onCreated({ data }: Event<Created<Lot>>): void { … }
 *
 * client.on(Created(Lot), (lot, meta) => show(lot));
 * ```
 */
export function Created<T extends VersionedEntity>(entity: EntityClass<T>): EntityEventClass<Created<T>> {
  return CREATED!.of(entity) as EntityEventClass<Created<T>>;
}

/** The event that an entity was changed, with all of it. @throws as {@link Created} */
export function Updated<T extends VersionedEntity>(entity: EntityClass<T>): EntityEventClass<Updated<T>> {
  return UPDATED!.of(entity) as EntityEventClass<Updated<T>>;
}

/** The event that an entity is gone, with its id and the version that it had. @throws as {@link Created} */
export function Deleted<T extends VersionedEntity>(entity: EntityClass<T>): EntityEventClass<Deleted<T>> {
  return DELETED!.of(entity) as EntityEventClass<Deleted<T>>;
}

/** What a class is bound to; undefined for every class that is no generic event. */
export function entityEventOf(payload: PayloadClass): EntityEvent | undefined {
  return Object.hasOwn(payload, EVENT) ? (payload as EntityEventClass<object>)[EVENT] : undefined;
}

function events(eventType: EntityEventType): EntityBindings<EntityEventClass<object>> {
  return new EntityBindings(eventType, (entity, declared) => {
    const event = Object.assign(namedClass(`${declared.entity}${eventType}`), { [EVENT]: { eventType, entity } });
    EventEntity(declared.topic, declared.entity)(event);
    return event;
  });
}
