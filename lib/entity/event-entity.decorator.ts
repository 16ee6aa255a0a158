import type { PayloadClass } from './payload.class.js';

/** What events are about, and where they are published. */
export interface Entity {
  readonly topic: string;
  /** The entity, such as `Bid`. */
  readonly entity: string;
}

// As for the addresses of commands.
const ENTITIES = new WeakMap<PayloadClass, Entity>();

/**
 * Says which entity the events that carry this class are about. What happened to it, the event type, is named where they
 * are published and handled. A class that has `id` and `version` also is one that {@link Create} and the other generic
 * commands can be bound to.
 *
 * @param topic the topic that they are published to
 * @param entity `[A-Za-z0-9_-]+`; the class's name by default
 *
 * @example
 * ```ts
 * @EventEntity('auction', 'Bid')
 * export class BidEvent {
 *   lot!: number;
 *   amount!: number;
 * }
 * ```
 */
export function EventEntity(topic: string, entity?: string) {
  return (target: PayloadClass): void => {
    ENTITIES.set(target, { topic, entity: entity ?? target.name });
  };
}

/** The entity of a class. Not inherited, as command addresses are not. */
export function eventEntityOf(payload: PayloadClass): Entity | undefined {
  return ENTITIES.get(payload);
}
