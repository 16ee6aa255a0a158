import type { Outcome } from '../../protocol/outcome.js';
import type { HeldRecord } from '../publishing/held.record.js';

/** An answer that was given with `publisher.reply()`. */
export interface Reply {
  /** Id of its message. */
  readonly id: string;
  /** Name of the command that it answers. */
  readonly name: string;
  readonly outcome: Outcome;
}

/** What a method published while it ran. */
export interface Held {
  readonly records: readonly HeldRecord[];
  readonly replies: readonly Reply[];
}

/**
 * Holds what a method publishes until it is kept what came of it. A method that dies half-way has published nothing then, and
 * when it runs again nobody sees its events twice under two ids.
 */
export class Outbox {
  private records: HeldRecord[] = [];
  private readonly replies: Reply[] = [];
  private closed = false;

  /** @returns false once the method is over: what it left running publishes on its own */
  hold(record: HeldRecord): boolean {
    if (!this.closed) this.records.push(record);
    return !this.closed;
  }

  /** Forgets the delayed commands of a slot. @returns whether there were any */
  drop(slot: string): boolean {
    if (this.closed) return false;
    const { length } = this.records;
    this.records = this.records.filter(({ delay }) => delay?.slot !== slot);
    return this.records.length < length;
  }

  /** As {@link hold}. */
  holdReply(reply: Reply): boolean {
    if (!this.closed) this.replies.push(reply);
    return !this.closed;
  }

  /** Ends it; what it holds is somebody else's now. */
  close(): Held {
    this.closed = true;
    return { records: this.records, replies: this.replies };
  }
}
