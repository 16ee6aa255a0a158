interface Waiting {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Lets any number of callers wait for one thing, again and again. */
export class ReadySignal {
  #waiting: Waiting | undefined;

  /** Resolves or rejects with the next {@link resolve} or {@link reject}. */
  wait(): Promise<void> {
    this.#waiting ??= newWaiting();
    return this.#waiting.promise;
  }

  resolve(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  reject(error: Error): void {
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }
}

function newWaiting(): Waiting {
  let settle!: Omit<Waiting, 'promise'>;
  const promise = new Promise<void>((resolve, reject) => (settle = { resolve, reject }));
  return { promise, ...settle };
}
