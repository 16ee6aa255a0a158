/** Something that happened to an entity. It has no address: whoever cares listens. */
export interface Event<T = unknown> {
  readonly kind: 'event';
  /** The entity and what happened to it, joined by a dot, such as `Bid.Created`. */
  readonly name: string;
  /** The entity, such as `Bid`. */
  readonly entity: string;
  /** What happened to it, such as `Created`. */
  readonly eventType: string;
  readonly data: T;
}
