import type { ErrorCode } from '../protocol/error-codes.js';
import type { BroadcastFrame, ClientFrames, TypesByTopic } from '../protocol/frames.js';
import { BoundedMap } from './bounded.map.js';
import { type Listener, ListenerSet, type Off } from './listener.set.js';
import type { SendPace } from './send.pace.js';

/** What a listener is told of an event beside its data. */
export type EventMeta = Omit<BroadcastFrame, 'data'>;

/** Takes the events that match. `data` is undefined where only metadata is broadcast. */
export type EventListener = Listener<[data: unknown, meta: EventMeta]>;

/** A gateway that opens and closes channels. */
export interface SubscriptionLink {
  readonly send: (event: 'subscribe' | 'unsubscribe', data: ClientFrames['subscribe'], id: string) => void;
  readonly pace: SendPace;
}

interface Subscription {
  /** `Bid.Created`, `Bid.*`, `*.Created` or `*.*`. */
  readonly pattern: string;
  readonly listeners: ListenerSet<[unknown, EventMeta]>;
}

const ALL = '*';
/** What the gateway was told of a channel did not count, so it has to be told whatever is wanted now. */
const REFUSED = '';
/** Frames that are remembered until they are answered. A gateway answers them in their order, each at once. */
const UNANSWERED = 256;

/**
 * Who listens to which events, and which channels the gateway was told to open for that: those with a listener, and in them
 * the types that one of the listeners wants.
 */
export class EventSubscriptions {
  readonly #topics = new Map<string, Map<string, Subscription>>();
  /** By topic the types that the gateway knows of, joined; {@link ALL} for all. */
  readonly #told = new Map<string, string>();
  /** The last frames that are not answered yet, by their ids: the channels that they are about. */
  #asked = new BoundedMap<string, readonly string[]>(UNANSWERED);
  #frames = 0;
  readonly #onThrown: (thrown: unknown) => void;
  #link: SubscriptionLink | undefined;
  #scheduled = false;

  constructor(onThrown: (thrown: unknown) => void) {
    this.#onThrown = onThrown;
  }

  /** Listens to the events of a topic whose entity and type match; `*` matches every one. */
  add(topic: string, entity: string, eventType: string, listener: EventListener): Off {
    const pattern = `${entity}.${eventType}`;
    const patterns = this.#topics.get(topic) ?? new Map<string, Subscription>();
    const subscription = patterns.get(pattern) ?? { pattern, listeners: new ListenerSet(this.#onThrown) };
    this.#topics.set(topic, patterns.set(pattern, subscription));
    const off = subscription.listeners.add(listener);
    this.#changed();
    return () => {
      off();
      this.#forget(topic, subscription);
    };
  }

  /** Calls the listeners that an event matches. */
  deliver({ data, ...meta }: BroadcastFrame): void {
    const patterns = this.#topics.get(meta.at[0]);
    if (!patterns) return;
    const dot = meta.type.indexOf('.');
    const [entity, eventType] = [meta.type.slice(0, dot), meta.type.slice(dot + 1)];
    for (const pattern of [meta.type, `${entity}.*`, `*.${eventType}`, '*.*']) {
      patterns.get(pattern)?.listeners.emit(data, meta);
    }
  }

  /** What a `hello` asks for; the gateway is taken to know it from then on. */
  hello(): Pick<ClientFrames['hello'], 'channels' | 'types'> {
    this.#told.clear();
    for (const topic of this.#topics.keys()) this.#told.set(topic, this.#wanted(topic)!);
    const types: TypesByTopic = Object.fromEntries(
      [...this.#told].filter(([, wanted]) => wanted !== ALL).map(([topic, wanted]) => [topic, wanted.split(',')]),
    );
    return { channels: [...this.#told.keys()], ...(Object.keys(types).length > 0 && { types }) };
  }

  /** The gateway listens: changes go out as they come, as fast as it takes them. */
  connected(link: SubscriptionLink): void {
    this.#link = link;
    this.#changed();
  }

  /** The gateway is gone; the next hello tells the next one all. */
  disconnected(): void {
    this.#link = undefined;
    this.#asked = new BoundedMap(UNANSWERED);
  }

  /** The gateway has done what a frame of ours asked for. */
  answered(id = ''): void {
    this.#asked.delete(id);
  }

  /** The gateway refused something. False where that is none of our frames, or is news for the application. */
  refused(code: ErrorCode, id = ''): boolean {
    const channels = this.#asked.get(id);
    this.#asked.delete(id);
    if (!channels || code !== 'rate') return false;
    for (const topic of channels) this.#told.set(topic, REFUSED);
    this.#link?.pace.exhaust();
    this.#changed();
    return true;
  }

  #forget(topic: string, { pattern, listeners }: Subscription): void {
    const patterns = this.#topics.get(topic);
    if (listeners.size > 0 || patterns?.get(pattern)?.listeners !== listeners) return;
    patterns.delete(pattern);
    if (patterns.size === 0) this.#topics.delete(topic);
    this.#changed();
  }

  /** Many listeners come and go at once, when a view opens or closes; the gateway is told what is left of it. */
  #changed(): void {
    if (this.#scheduled || !this.#link) return;
    this.#scheduled = true;
    void Promise.resolve().then(() => {
      this.#scheduled = false;
      this.#tell();
    });
  }

  readonly #tell = (): void => {
    for (const [wanted, channels] of this.#changes()) {
      if (!this.#link?.pace.take(this.#tell)) return;
      const id = `channels-${++this.#frames}`;
      this.#asked.set(id, channels);
      for (const topic of channels) {
        if (wanted === undefined) this.#told.delete(topic);
        else this.#told.set(topic, wanted);
      }
      const types = wanted !== undefined && wanted !== ALL && { types: wanted.split(',') };
      this.#link.send(wanted === undefined ? 'unsubscribe' : 'subscribe', { channels, ...types }, id);
    }
  };

  /** Channels that the gateway has to be told of, by what is wanted of them. */
  #changes(): ReadonlyMap<string | undefined, readonly string[]> {
    const changes = new Map<string | undefined, string[]>();
    for (const topic of new Set([...this.#told.keys(), ...this.#topics.keys()])) {
      const wanted = this.#wanted(topic);
      if (wanted !== this.#told.get(topic)) changes.set(wanted, [...(changes.get(wanted) ?? []), topic]);
    }
    return changes;
  }

  /** The types that somebody wants, in a form that can be compared; the protocol knows exact types only, so a wildcard asks for all. */
  #wanted(topic: string): string | undefined {
    const patterns = this.#topics.get(topic);
    if (!patterns) return undefined;
    const types = [...patterns.keys()];
    return types.some((type) => type.includes('*')) ? ALL : types.sort().join(',');
  }
}
