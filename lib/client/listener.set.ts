/** Takes back what was registered. Safe to call twice. */
export type Off = () => void;

/** Listeners of one kind. One that throws does not keep the others from being called. */
export class ListenerSet<A extends readonly unknown[]> {
  readonly #listeners = new Set<{ readonly call: (...args: A) => void }>();
  readonly #onThrown: (thrown: unknown) => void;

  constructor(onThrown: (thrown: unknown) => void) {
    this.#onThrown = onThrown;
  }

  get size(): number {
    return this.#listeners.size;
  }

  add(listener: (...args: A) => void): Off {
    const entry = { call: listener }; // so that one function registered twice is called twice, and taken back one by one
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  emit(...args: A): void {
    for (const { call } of [...this.#listeners]) {
      try {
        call(...args);
      } catch (thrown) {
        this.#onThrown(thrown);
      }
    }
  }
}
