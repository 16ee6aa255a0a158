/**
 * What a client and its services agreed on, by topic. An interface of your own that has this shape types `send` and `on`:
 *
 * ```ts
 * interface Auction {
 *   commands: { auction: { PlaceBid: { payload: { lot: number; amount: number }; result: Bid } } };
 *   events: { auction: { 'Bid.Created': Bid; 'Reserve.Changed': undefined } }; // undefined: broadcast as metadata only
 * }
 * const client = new KafkaSocketClient<Auction>('wss://host/socket');
 * ```
 */
export interface Contract {
  /** By topic and command: `{ payload, result }`. */
  readonly commands?: object;
  /** By topic and type, such as `Bid.Created`: the event's data. */
  readonly events?: object;
}

/** Any topic, any command, any event; what comes back is `unknown`. */
export interface UntypedContract {
  commands: Record<string, Record<string, { payload: unknown; result: unknown }>>;
  events: Record<string, Record<string, unknown>>;
}

type Member<T, K> = K extends keyof T ? T[K] : never;
type Commands<C> = C extends { readonly commands: infer M } ? M : never;
type Events<C> = C extends { readonly events: infer M } ? M : never;
type TypesOf<C, T> = Member<Events<C>, T>;

/** Topics that take commands. */
export type CommandTopic<C> = C extends { readonly commands: infer M } ? keyof M & string : never;
/** Commands of a topic. */
export type CommandName<C, T> = keyof Member<Commands<C>, T> & string;
/** What a command takes. */
export type PayloadOf<C, T, N> = Member<Member<Member<Commands<C>, T>, N>, 'payload'>;
/** What a command resolves with. */
export type ResultOf<C, T, N> = Member<Member<Member<Commands<C>, T>, N>, 'result'>;

/** Topics that have events. */
export type EventTopic<C> = C extends { readonly events: infer M } ? keyof M & string : never;

/** Entities of a topic: what stands before the dot. */
export type EntityName<C, T> = string extends keyof TypesOf<C, T> ? string : BeforeDot<keyof TypesOf<C, T> & string>;
type BeforeDot<Type extends string> = Type extends `${infer Entity}.${string}` ? Entity : never;

/** What happens to an entity, or with `*` to any: what stands behind the dot. */
export type EventTypeName<C, T, E extends string> = string extends keyof TypesOf<C, T>
  ? string
  : BehindDot<keyof TypesOf<C, T> & string, E>;
type BehindDot<Type extends string, E extends string> = Type extends `${Wild<E>}.${infer EventType}`
  ? EventType
  : never;

/** The data of the events that an entity and an event type match. */
export type EventData<C, T, E extends string = '*', Y extends string = '*'> = string extends keyof TypesOf<C, T>
  ? TypesOf<C, T>[keyof TypesOf<C, T>]
  : Matching<TypesOf<C, T>, `${Wild<E>}.${Wild<Y>}`>;
type Matching<Types, Pattern> = { [K in keyof Types]: K extends Pattern ? Types[K] : never }[keyof Types];

type Wild<Name extends string> = Name extends '*' ? string : Name;
