import Sqlite from 'libsql';
import type { Place } from './written.log.js';

/** What a handler did, as the services' database has it. */
export interface Effect extends Place {
  /** Method that did it: that of a command by the command's name, `seen` of an event. */
  readonly what: string;
  readonly n: number;
  /** Names the run that did it. */
  readonly run: string;
  /** Id of the message that was handled, which stands at the place. */
  readonly message: string;
}

/** All effects of a run, in the order in which they were committed. */
export function readEffects(file: string): Effect[] {
  const database = new Sqlite(file, { readonly: true });
  try {
    return database
      .prepare('SELECT what, n, run, message, partition, offset FROM effect ORDER BY seq')
      .all() as Effect[];
  } finally {
    database.close();
  }
}
