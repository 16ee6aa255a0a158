import { createHash } from 'node:crypto';
import type { Handler } from '../declaration/handler.js';
import type { Attempted } from './attempt.note.js';

/** What is known, and noted, of the attempts at one record. */
export interface AttemptBook {
  /** Attempts that were made before the record came to where it stands now: it may have been moved to a retry topic. */
  readonly before: number;
  /**
   * Whether an earlier owner may have begun it without a note. Notes cost a request to the brokers, so the first attempt at a record
   * is noted only there: a record that kills its process comes again, and is given up after so many deaths.
   */
  readonly mayHaveBegun: boolean;
  /** What was attempted so far; undefined where nothing was. */
  find(handler: string): Attempted | undefined;
  /** Notes it; resolves when the log has the note, or cannot be told now. */
  note(handler: string, attempted: Attempted): Promise<void>;
  /** It goes on elsewhere, from what is noted. */
  move(): void;
}

/** A handler's name within a record's notes: of a command there is one; of an event few, so a short one tells them apart. */
export function noteName({ kind, label }: Pick<Handler, 'kind' | 'label'>): string {
  return kind === 'command' ? '' : createHash('sha256').update(label).digest('base64url').slice(0, 6);
}
