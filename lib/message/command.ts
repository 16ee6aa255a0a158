/** A request to do something: it has an address, its topic and name, and one service that handles it. */
export interface Command<T = unknown> {
  readonly kind: 'command';
  /** Name within its topic, such as `PlaceBid`. */
  readonly name: string;
  /** What the client sent; where the handler's class is known, an instance of it that passed validation. */
  readonly data: T;
}
