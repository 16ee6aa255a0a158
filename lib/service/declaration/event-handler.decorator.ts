import { type EntityEventClass, entityEventOf } from '../../entity/generic.event.js';
import type { Event } from '../../message/event.js';
import type { PayloadClass } from '../../entity/payload.class.js';
import { declare, type Method } from './method.declaration.js';

type TakesEvent<T, M extends Method> = Parameters<M>[0] extends Event
  ? Event<T> extends Parameters<M>[0]
    ? unknown
    : { 'This event carries another class': T }
  : unknown;

type EventHandlerDecorator<T extends object> = <M extends Method>(
  target: object,
  name: string | symbol,
  descriptor: TypedPropertyDescriptor<M> & TakesEvent<T, M>,
) => void;

/**
 * The method handles the events of an entity, each at least once. It is called with `(event, context)`, or as its parameters
 * are decorated. What it throws sends the event to the dead letters. Several methods may handle the same event.
 *
 * @param payload a class with `@EventEntity`, or a generic event such as `Created(Lot)`
 * @param eventType what happened to the entity, such as `Created`; generic events know theirs
 *
 * @example
 * ```ts
 * @EventHandler(BidEvent, 'Created')
 * onBid(event: Event<BidEvent>): void { … }
 * ```
 */
export function EventHandler<T extends object>(payload: EntityEventClass<T>): EventHandlerDecorator<T>;
export function EventHandler<T extends object>(payload: PayloadClass<T>, eventType: string): EventHandlerDecorator<T>;
export function EventHandler<T extends object>(payload: PayloadClass<T>, given?: string): EventHandlerDecorator<T> {
  const eventType = given ?? (payload && entityEventOf(payload)?.eventType) ?? '';
  return <M extends Method>(
    target: object,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<M> & TakesEvent<T, M>,
  ): void => declare('EventHandler', target, name, descriptor, ({ events }) => events.push({ payload, eventType }));
}
