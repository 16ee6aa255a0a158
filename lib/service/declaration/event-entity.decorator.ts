// Clients need it without Nest, so it stands in a room of its own.
export { type Entity, EventEntity, eventEntityOf } from '../../entity/event-entity.decorator.js';
