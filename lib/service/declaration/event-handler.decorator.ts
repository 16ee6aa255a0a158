import type { Event } from '../../message/event.js';
import { declare, type Method, type PayloadClass } from './method.declaration.js';

type TakesEvent<T, M extends Method> = Parameters<M>[0] extends Event
  ? Event<T> extends Parameters<M>[0]
    ? unknown
    : { 'This event carries another class': T }
  : unknown;

/**
 * The method handles the events of an entity, each at least once. It is called with `(event, context)`, or as its parameters
 * are decorated. What it throws sends the event to the dead letters. Several methods may handle the same event.
 *
 * @param payload a class with `@EventEntity`
 * @param eventType what happened to the entity, such as `Created`
 *
 * @example
 * ```ts
 * @EventHandler(BidEvent, 'Created')
 * onBid(event: Event<BidEvent>): void { … }
 * ```
 */
export function EventHandler<T extends object>(payload: PayloadClass<T>, eventType: string) {
  return <M extends Method>(
    target: object,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<M> & TakesEvent<T, M>,
  ): void => declare('EventHandler', target, name, descriptor, ({ events }) => events.push({ payload, eventType }));
}
