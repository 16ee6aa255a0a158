import { CommandFailedError, KafkaSocketClient } from 'nestjs-kafka-socket/client';
import { RequestJournal } from './request.journal.js';
import { Wire } from './wire.js';

const TOPIC = 'auction';

/**
 * This page's line to the auction: asks, hears, and keeps a journal of what it asked. Its events: `state`, `frame`
 * (`{ direction, frame }`) and `recovered` (`{ count, complete }`).
 */
export class Saleroom extends EventTarget {
  journal = new RequestJournal();
  #wire = new Wire((...frame) => this.#onFrame(...frame));
  #client;
  #recovering = false;
  #caughtUp = new Set();

  constructor(url) {
    super();
    this.#client = new KafkaSocketClient(url, { WebSocket: this.#wire.WebSocket, trace: true });
    this.#client.onState(() => this.#changed());
    this.#client.onLate((late) => this.#onLate(late));
    this.#client.onRecovered((recovered) => this.dispatchEvent(new CustomEvent('recovered', { detail: recovered })));
  }

  /** `cut`, or the client's own: `connecting`, `recovering`, `live`, `waiting`, `closed`. */
  get state() {
    return this.#wire.isCut ? 'cut' : this.#client.state;
  }

  /**
   * Sends a command and resolves with its outcome, whatever it is: `{ status, value?, code?, reason?, errors?, ms }`;
   * the status is `unsent` where the client did not even take it.
   * @param options `key`, `ttl` in milliseconds, and `quiet` for what nobody clicked
   */
  async ask(command, payload, { key, ttl = 3_000, quiet = false } = {}) {
    const request = this.journal.add({ command, payload, key, ttl, quiet });
    const onProgress = (progress) => this.journal.noteProgress(request, progress);
    const outcome = await outcomeOf(this.#client.send(TOPIC, command, payload, { key, ttl, onProgress }));
    outcome.ms = performance.now() - request.startedAt;
    this.journal.note(request, { outcome });
    return outcome;
  }

  /** Hears events: `listener(data, { key, time, mine, caughtUp })`. */
  on(entity, type, listener) {
    this.#client.on(TOPIC, entity, type, (data, meta) => {
      const mine = this.journal.find(meta.requestId) !== undefined;
      listener(data, { ...meta, mine, caughtUp: this.#caughtUp.delete(String(meta.at)) });
    });
  }

  /** Cuts the wire. The client notices, and tries again and again; it gets through after {@link reconnect}. */
  cut() {
    this.#wire.cut();
    this.#changed();
  }

  reconnect() {
    this.#wire.mend();
    this.#client.connect();
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event('state'));
  }

  #onFrame(direction, frame, now) {
    if (direction === 'out' && frame.event === 'hello') this.#recovering = frame.data.positions !== undefined;
    if (frame.event === 'recovered') this.#recovering = false;
    if (this.#recovering && frame.event.endsWith('/broadcast')) this.#caughtUp.add(String(frame.data.at));
    this.journal.noteFrame(direction, frame, now);
    this.dispatchEvent(new CustomEvent('frame', { detail: { direction, frame } }));
  }

  #onLate({ requestId, outcome }) {
    const request = this.journal.find(requestId);
    if (request) this.journal.note(request, { late: { ...outcome, ms: performance.now() - request.startedAt } });
  }
}

async function outcomeOf(sent) {
  try {
    return { status: 'success', value: await sent };
  } catch (error) {
    if (!(error instanceof CommandFailedError)) return { status: 'unsent', code: error.code, reason: error.message };
    const { status, code, reason, errors } = error;
    return { status, code, reason, errors };
  }
}
