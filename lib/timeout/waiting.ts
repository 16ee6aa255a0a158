import type { OutgoingRecord } from '../message/record.js';

/** A record that survives JSON, so that it can wait in Redis. Key, value and headers are text. */
export interface WaitingRecord extends OutgoingRecord {
  readonly key: string | null;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A record that waits for its time. */
export interface Waiting {
  readonly id: string;
  /** When it is due, in milliseconds since the epoch. */
  readonly deadline: number;
  readonly record: WaitingRecord;
}

/** What happens with a record that is due. Resolves when it is in the log; a rejection means "try again". */
export type OnDue<W extends Waiting = Waiting> = (waiting: W) => Promise<void>;
