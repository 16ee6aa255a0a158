import type { LogPosition } from '../message/record.js';

/** What a gateway knows of one request. */
export interface LedgerEntry {
  /** Where its command stands, once it was read or acknowledged. */
  command?: LogPosition;
  /** Where its outcome stands: the first terminal record that was read. */
  outcome?: LogPosition;
  /** Topic, command, key and payload as a digest, where this gateway took the request in. */
  fingerprint?: string;
  /** The command's acknowledgement, while it is on its way. */
  publishing?: Promise<LogPosition>;
  /** The backstop that this gateway armed. */
  backstop?: string;
  /** When it may be forgotten, in milliseconds since the epoch. */
  readonly expires: number;
}

/**
 * The requests of the last minutes by identity: which command came first, and which terminal record. It is read off the
 * log, so every gateway comes to the same answer. Bounded in time and in number; the oldest are forgotten first.
 */
export class RequestLedger {
  /** In order of insertion, which is the order of expiry: all entries live equally long. */
  private readonly entries = new Map<string, LedgerEntry>();

  /**
   * @param window how long a request is remembered, in milliseconds: the longest time to live and the grace after it
   * @param limit how many are remembered
   * @param now the clock, in milliseconds since the epoch
   */
  constructor(
    private readonly window: number,
    private readonly limit: number,
    private readonly now: () => number,
  ) {}

  get(identity: string): LedgerEntry | undefined {
    const entry = this.entries.get(identity);
    return entry && entry.expires > this.now() ? entry : undefined;
  }

  /** The entry of a request, made where there is none. */
  open(identity: string): LedgerEntry {
    const known = this.get(identity);
    if (known) return known;
    this.forgetOld();
    const entry: LedgerEntry = { expires: this.now() + this.window };
    this.entries.delete(identity); // an expired one would keep its place in the order
    this.entries.set(identity, entry);
    return entry;
  }

  /** Takes back a request that never reached the log, so that the same one may be tried again. */
  forget(identity: string): void {
    this.entries.delete(identity);
  }

  /** Notes a command record; the first one counts. */
  noteCommand(identity: string, at: LogPosition): LedgerEntry {
    const entry = this.open(identity);
    entry.command ??= at;
    return entry;
  }

  /**
   * Notes a terminal record.
   * @returns the entry where this record is the outcome; undefined where an earlier one is
   */
  noteOutcome(identity: string, at: LogPosition): LedgerEntry | undefined {
    const entry = this.open(identity);
    entry.outcome ??= at;
    return samePlace(entry.outcome, at) ? entry : undefined;
  }

  private forgetOld(): void {
    const now = this.now();
    for (const [identity, entry] of this.entries) {
      if (entry.expires > now && this.entries.size < this.limit) return;
      this.entries.delete(identity);
    }
  }
}

/** Whether two positions are the same place. */
export function samePlace(a: LogPosition, b: LogPosition): boolean {
  return a.offset === b.offset && a.partition === b.partition && a.topic === b.topic;
}
