import { setTimeout as pause } from 'node:timers/promises';

/**
 * Least time from one question to the next, in milliseconds. A storm of reconnects asks without end: a question costs about as much
 * processor time as a client that catches up, and what it waits here is little beside what the storm makes it wait.
 */
const PACE = 25;

/**
 * Asks a question whose answer must not be older than the wish for it. Whoever comes while it is being asked shares the next
 * answer with all others who do, so that any number of them makes one question at a time, and few in a second.
 */
export class FreshAnswer<T> {
  /** The next question, and all who wait for its answer; undefined where nobody does. */
  private next?: Promise<T>;
  /** Resolves when the last one is answered and it is time for another. */
  private rest: Promise<unknown> = Promise.resolve();

  constructor(private readonly ask: () => Promise<T>) {}

  get(): Promise<T> {
    return (this.next ??= this.rest.then(() => this.start()));
  }

  private start(): Promise<T> {
    this.next = undefined; // whoever comes from here on comes too late for this one
    const asked = this.ask();
    this.rest = Promise.allSettled([asked, pause(PACE)]);
    return asked;
  }
}
