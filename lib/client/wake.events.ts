/** As much of `window` and `document` as is listened to. */
interface Target {
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
}

/**
 * Tells when the network changed, or the page or the device woke up: moments at which a connection may be gone without a
 * word, and at which a pause has no sense any more. Browsers tell; in other runtimes there is nobody to listen to.
 */
export class WakeEvents {
  readonly #woke: () => void;
  readonly #shown: () => void;

  constructor(woke: () => void) {
    this.#woke = woke;
    this.#shown = () => {
      if (page()?.visibilityState === 'visible') woke();
    };
  }

  start(): void {
    for (const [target, type, listener] of this.#events()) target?.addEventListener?.(type, listener);
  }

  stop(): void {
    for (const [target, type, listener] of this.#events()) target?.removeEventListener?.(type, listener);
  }

  #events(): [target: Target | undefined, type: string, listener: () => void][] {
    return [
      [globalThis, 'online', this.#woke],
      // No proof that the connection is gone, not even that there is no network: a reason to ask.
      [globalThis, 'offline', this.#woke],
      // Back from the back/forward cache, where browsers close sockets or keep them without reading them.
      [globalThis, 'pageshow', this.#woke],
      // Timers of a hidden page run once a minute; those of a frozen one not at all.
      [page(), 'visibilitychange', this.#shown],
      [page(), 'resume', this.#woke],
    ];
  }
}

function page(): (Target & { readonly visibilityState?: string }) | undefined {
  return (globalThis as { readonly document?: Document }).document;
}
