import 'reflect-metadata';
import type { PayloadClass } from './method.declaration.js';

/** What events are about, and where they are published. */
export interface Entity {
  readonly topic: string;
  /** The entity, such as `Bid`. */
  readonly entity: string;
}

const ENTITY = Symbol('kafka-socket:event-entity');

/**
 * Says which entity the events that carry this class are about. What happened to it, the event type, is named where they
 * are published and handled.
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
    Reflect.defineMetadata(ENTITY, { topic, entity: entity ?? target.name } satisfies Entity, target);
  };
}

/** The entity of a class. Not inherited, as command addresses are not. */
export function eventEntityOf(payload: PayloadClass): Entity | undefined {
  return Reflect.getOwnMetadata(ENTITY, payload) as Entity | undefined;
}
