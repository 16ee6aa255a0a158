import type { Session, WantedTypes } from './session.js';

/** The sessions of this gateway: by id for results, by topic for events. */
export class SessionRegistry {
  private readonly byId = new Map<string, Set<Session>>();
  private readonly byTopic = new Map<string, Set<Session>>();
  private readonly all = new Set<Session>();

  get size(): number {
    return this.all.size;
  }

  add(session: Session): void {
    this.all.add(session);
    addTo(this.byId, session.id, session);
    for (const topic of session.channels.keys()) addTo(this.byTopic, topic, session);
  }

  remove(session: Session): void {
    if (!this.all.delete(session)) return;
    removeFrom(this.byId, session.id, session);
    for (const topic of session.channels.keys()) removeFrom(this.byTopic, topic, session);
  }

  /** Subscribes a session to a topic's events; the types replace those of before. */
  subscribe(session: Session, topic: string, types: WantedTypes): void {
    session.channels.set(topic, types);
    if (this.all.has(session)) addTo(this.byTopic, topic, session);
  }

  unsubscribe(session: Session, topic: string): void {
    session.channels.delete(topic);
    removeFrom(this.byTopic, topic, session);
  }

  /** The sockets of one session. */
  withId(sessionId: string): Iterable<Session> {
    return this.byId.get(sessionId) ?? [];
  }

  /** The sessions that listen to a topic's events. */
  listeningTo(topic: string): Iterable<Session> {
    return this.byTopic.get(topic) ?? [];
  }

  [Symbol.iterator](): Iterator<Session> {
    return this.all.values();
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
