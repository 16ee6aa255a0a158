const KEPT = 60;

/**
 * What this page asked for, and all that it saw happen to it. Its events: `add`, `change` and `remove`. A request:
 * `{ id, requestId?, traceparent?, command, payload, key?, ttl, quiet, time, startedAt, accepted?, progress, events, answer?, outcome?, late? }`;
 * `startedAt` is by `performance.now()`, all other times are milliseconds since then.
 */
export class RequestJournal extends EventTarget {
  #requests = new Map();
  #count = 0;

  /** A request that somebody asked for; its RequestId is known when it leaves. */
  add(asked) {
    const request = {
      id: String(++this.#count),
      ...asked,
      time: new Date(),
      startedAt: performance.now(),
      progress: [],
      events: [],
    };
    this.#requests.set(request.id, request);
    this.#tell('add', request);
    if (this.#requests.size > KEPT) this.#forget(this.#requests.values().next().value);
    return request;
  }

  /** Our request of this RequestId; other pages' requests are none of ours. */
  find(requestId) {
    if (requestId === undefined) return undefined;
    return [...this.#requests.values()].find((request) => request.requestId === requestId);
  }

  note(request, facts) {
    Object.assign(request, facts);
    this.#changed(request);
  }

  /** An attempt failed, and another one comes: `{ attempt, attempts, next }`. */
  noteProgress(request, { attempt, attempts, next }) {
    request.progress.push({ attempt, attempts, next, ms: performance.now() - request.startedAt });
    this.#changed(request);
  }

  /** Notes what a frame says about one of our requests. */
  noteFrame(direction, { event, data }, now) {
    if (direction === 'out') return event === 'request' ? this.#noteSent(data, now) : undefined;
    const request = this.find(data.requestId);
    if (!request) return;
    const ms = now - request.startedAt;
    if (event === 'accepted') this.#noteAccepted(request, data, ms);
    else if (event.endsWith('/broadcast')) request.events.push({ at: data.at, type: data.type, ms });
    else if (data.sealed) request.answer ??= { at: data.at, ms };
    this.#changed(request);
  }

  /** A request that waited for the connection begins its way when it leaves; one that is sent again keeps its beginning. */
  #noteSent({ requestId, command, key, payload, traceparent }, now) {
    if (this.find(requestId)) return;
    const text = JSON.stringify(payload);
    const request = [...this.#requests.values()].find(
      (one) => !one.requestId && one.command === command && one.key === key && JSON.stringify(one.payload) === text,
    );
    if (request) this.note(request, { requestId, traceparent, startedAt: now });
  }

  #noteAccepted(request, { at, outcome }, ms) {
    request.accepted ??= { at, ms };
    if (outcome) request.answer ??= { at: outcome.at, ms };
  }

  #forget(request) {
    this.#requests.delete(request.id);
    this.#tell('remove', request);
  }

  #changed(request) {
    this.#tell('change', request);
  }

  #tell(what, request) {
    this.dispatchEvent(new CustomEvent(what, { detail: request }));
  }
}
