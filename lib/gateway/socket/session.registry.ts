import type { Session, WantedTypes } from './session.js';

/** All who want the same of a topic. */
interface Audience {
  readonly types: WantedTypes;
  readonly sessions: Set<Session>;
}

/** The sessions of this gateway: by id for results, by topic for events. */
export class SessionRegistry {
  private readonly byId = new Map<string, Set<Session>>();
  private readonly byTopic = new Map<string, Map<string, Audience>>();
  private readonly all = new Set<Session>();
  /** A set of a thousand types takes a millisecond to write down, and a frame may name them for a hundred topics: once for each. */
  private readonly filters = new WeakMap<ReadonlySet<string>, string>();

  get size(): number {
    return this.all.size;
  }

  add(session: Session): void {
    this.all.add(session);
    addTo(this.byId, session.id, session);
    for (const [topic, types] of session.channels) this.listen(session, topic, types);
  }

  remove(session: Session): void {
    if (!this.all.delete(session)) return;
    removeFrom(this.byId, session.id, session);
    for (const topic of session.channels.keys()) this.stopListening(session, topic);
  }

  /** Subscribes a session to a topic's events; the types replace those of before. */
  subscribe(session: Session, topic: string, types: WantedTypes): void {
    this.stopListening(session, topic);
    session.channels.set(topic, types);
    if (this.all.has(session)) this.listen(session, topic, types);
  }

  unsubscribe(session: Session, topic: string): void {
    this.stopListening(session, topic);
    session.channels.delete(topic);
  }

  /** The sockets of one session. */
  withId(sessionId: string): Iterable<Session> {
    return this.byId.get(sessionId) ?? [];
  }

  /** The sessions that want an event, in one set for each distinct filter: so a filter is asked once, not once for each client. */
  *wanting(topic: string, type: string): IterableIterator<ReadonlySet<Session>> {
    for (const { types, sessions } of this.byTopic.get(topic)?.values() ?? []) {
      if (types === 'all' || types.has(type)) yield sessions;
    }
  }

  [Symbol.iterator](): Iterator<Session> {
    return this.all.values();
  }

  private listen(session: Session, topic: string, types: WantedTypes): void {
    const audiences = this.byTopic.get(topic) ?? new Map<string, Audience>();
    const filter = this.filterOf(types);
    const audience = audiences.get(filter) ?? { types, sessions: new Set() };
    audience.sessions.add(session);
    session.channels.set(topic, audience.types); // one set of types for all who want the same
    this.byTopic.set(topic, audiences.set(filter, audience));
  }

  private stopListening(session: Session, topic: string): void {
    const types = session.channels.get(topic);
    const audiences = this.byTopic.get(topic);
    if (!types || !audiences) return;
    const filter = this.filterOf(types);
    const audience = audiences.get(filter);
    if (audience?.sessions.delete(session) && audience.sessions.size === 0) audiences.delete(filter);
    if (audiences.size === 0) this.byTopic.delete(topic);
  }

  /** The same for filters that let the same through. */
  private filterOf(types: WantedTypes): string {
    if (types === 'all') return '*';
    let filter = this.filters.get(types);
    if (filter === undefined) this.filters.set(types, (filter = JSON.stringify([...types].sort())));
    return filter;
  }
}

function addTo(index: Map<string, Set<Session>>, key: string, session: Session): void {
  const sessions = index.get(key);
  if (sessions) sessions.add(session);
  else index.set(key, new Set([session]));
}

function removeFrom(index: Map<string, Set<Session>>, key: string, session: Session): void {
  const sessions = index.get(key);
  if (sessions?.delete(session) && sessions.size === 0) index.delete(key);
}
