import { entityCommandOf, type EntityVerb } from '../../entity/generic.command.js';
import type { EntityEventType } from '../../entity/generic.event.js';
import type { PayloadClass } from '../../entity/payload.class.js';
import type { VersionedEntity } from '../../entity/versioned.entity.js';
import { eventEntityOf } from '../../entity/event-entity.decorator.js';
import type { Publication } from './handler.js';

const EVENT_TYPES: Partial<Record<EntityVerb, EntityEventType>> = {
  Create: 'Created',
  Update: 'Updated',
  Delete: 'Deleted',
};

/** The event of a generic command that changes something: what its method returns, under the id of the entity. */
export function entityPublications(payload: PayloadClass): Publication[] {
  const command = entityCommandOf(payload);
  const eventType = command && EVENT_TYPES[command.verb];
  if (!eventType) return [];
  return [{ ...eventEntityOf(command.entity)!, eventType, key: (entity) => String((entity as VersionedEntity).id) }];
}
