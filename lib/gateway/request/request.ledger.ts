import type { LogPosition } from '../../message/record.js';

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
  /** When it may be forgotten, in milliseconds since the epoch. */
  expires: number;
}

/**
 * The requests of the last minutes by identity: which command came first, and which terminal record. It is read off the
 * log, so every gateway comes to the same answer. Bounded in time and in number; the oldest are forgotten first.
 */
export class RequestLedger {
  /** In the order of expiry: whoever begins a new time goes to the end. */
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
    const entry: LedgerEntry = { expires: 0 };
    this.begin(identity, entry);
    return entry;
  }

  /** Takes back a request that never reached the log, so that the same one may be tried again. */
  forget(identity: string): void {
    this.entries.delete(identity);
  }

  /** Notes a command record; the first one counts. */
  noteCommand(identity: string, at: LogPosition): void {
    this.open(identity).command ??= at;
  }

  /**
   * Notes a terminal record. A request is remembered for a whole window from then on: a second terminal record may come long after the
   * request, and must still be known for one; and clients that were away are sent what they missed of the log later than that.
   * @returns whether this record is the outcome; an earlier one may be
   */
  noteOutcome(identity: string, at: LogPosition): boolean {
    const entry = this.open(identity);
    entry.outcome ??= at;
    this.begin(identity, entry);
    return samePlace(entry.outcome, at);
  }

  private begin(identity: string, entry: LedgerEntry): void {
    entry.expires = this.now() + this.window;
    this.entries.delete(identity);
    this.entries.set(identity, entry);
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
