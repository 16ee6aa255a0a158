/** Takes back what was registered. Safe to call twice. */
export type Off = () => void;

/** One of the application's functions. What it returns is left alone; a promise that rejects is told to `onError`. */
export type Listener<A extends readonly unknown[]> = (...args: A) => unknown;

/** Listeners of one kind. One that fails does not keep the others from being called. */
export class ListenerSet<A extends readonly unknown[]> {
  readonly #listeners = new Set<{ readonly call: Listener<A> }>();
  readonly #onThrown: (thrown: unknown) => void;

  constructor(onThrown: (thrown: unknown) => void) {
    this.#onThrown = onThrown;
  }

  get size(): number {
    return this.#listeners.size;
  }

  add(listener: Listener<A>): Off {
    const entry = { call: listener }; // so that one function registered twice is called twice, and taken back one by one
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  emit(...args: A): void {
    for (const { call } of [...this.#listeners]) callListener(() => call(...args), this.#onThrown);
  }
}

/** Calls one of the application's functions; what it throws is told, also where it is an async one and throws later. */
export function callListener(call: () => unknown, onThrown: (thrown: unknown) => void): void {
  try {
    const returned = call();
    if (returned instanceof Promise) returned.catch(onThrown);
  } catch (thrown) {
    onThrown(thrown);
  }
}
