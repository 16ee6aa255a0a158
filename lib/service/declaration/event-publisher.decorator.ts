import type { PayloadClass } from '../../entity/payload.class.js';
import { declare, type EventKey, type Method, type Resolved } from './method.declaration.js';

/** How what a method returns is published. */
export interface EventPublisherOptions<T> {
  /**
   * The key of the event's record: events of one key keep their order.
   * @default the key of the record being handled
   */
  readonly key?: EventKey<T>;
}

type Returns<T, M extends Method> = [Resolved<M>] extends [T | undefined]
  ? unknown
  : { 'The method must return the data of the event, or undefined where nothing happened': T };

/**
 * What the method returns is published as an event that follows from the message being handled; `undefined` publishes
 * nothing. The method also is a `@CommandHandler`, whose result is the same value, or an `@EventHandler`. May stand several
 * times.
 *
 * @param payload a class with `@EventEntity`
 * @param eventType what happened to the entity, such as `Created`
 *
 * @example
 * ```ts
 * @CommandHandler(PlaceBid)
 * @EventPublisher(BidEvent, 'Created', { key: (bid) => String(bid.lot) })
 * async place(command: Command<PlaceBid>): Promise<BidEvent> { … }
 * ```
 */
export function EventPublisher<T extends object>(
  payload: PayloadClass<T>,
  eventType: string,
  options: EventPublisherOptions<T> = {},
) {
  return <M extends Method>(
    target: object,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<M> & Returns<T, M>,
  ): void =>
    declare('EventPublisher', target, name, descriptor, ({ publications }) =>
      publications.push({ payload, eventType, key: options.key }),
    );
}

/** {@link EventPublisher} for applications that also use the class of that name from @nestjs/cqrs. */
export const KafkaEventPublisher = EventPublisher;
