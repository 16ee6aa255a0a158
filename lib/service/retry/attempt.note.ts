/** How far a handler is with a record that it has not finished. */
export interface Attempted {
  /** Attempts that were begun. */
  readonly attempts: number;
  /** When the next one may begin, in milliseconds since the epoch. */
  readonly due: number;
}

/** One handler's attempts at one record. */
export interface NotedAttempt extends Attempted {
  readonly offset: bigint;
  /** Letters and digits; empty for the only handler of a command. */
  readonly handler: string;
}

/** What begins a note of ours: a note is also whatever another tool, or another version, has written there. */
const MARK = 'retry1 ';
const ENTRY = /^([0-9a-z]{1,12})\.([0-9a-z]{1,2})\.([0-9a-z]{1,9})(?:\.([0-9A-Za-z_-]{1,16}))?$/;
const RADIX = 36;

/**
 * Writes attempts in as few bytes as is simple: `retry1 <base> <entry>,<entry>…`, all numbers to the base of 36. `base` is the
 * earliest due time; an entry is how far the record lies behind what is committed, attempts, due behind `base`, and the handler.
 * About 9 bytes each. Where there is no room for all, those go first that have the fewest attempts behind them.
 */
export function writeNote(
  attempts: readonly NotedAttempt[],
  next: bigint,
  limit: number,
): { readonly text: string; readonly omitted: number } {
  if (attempts.length === 0) return { text: '', omitted: 0 };
  const base = Math.min(...attempts.map(({ due }) => due));
  let text = `${MARK}${base.toString(RADIX)} `;
  let kept = 0;
  for (const one of [...attempts].sort((a, b) => b.attempts - a.attempts)) {
    const entry = `${kept > 0 ? ',' : ''}${entryOf(one, next, base)}`;
    if (text.length + entry.length > limit) break;
    text += entry;
    kept++;
  }
  return { text, omitted: attempts.length - kept };
}

/** Reads what {@link writeNote} wrote; nothing where it is somebody else's, and what can be read where it is damaged. */
export function readNote(note: string | undefined, next: bigint): NotedAttempt[] {
  if (!note?.startsWith(MARK)) return [];
  const [base = '', entries = ''] = note.slice(MARK.length).split(' ');
  const earliest = parseInt(base, RADIX);
  if (!Number.isSafeInteger(earliest)) return [];
  return entries.split(',').flatMap((text) => {
    const [, behind, attempts, due, handler = ''] = ENTRY.exec(text) ?? [];
    if (behind === undefined) return [];
    const offset = next + BigInt(parseInt(behind, RADIX));
    return [{ offset, handler, attempts: parseInt(attempts!, RADIX), due: earliest + parseInt(due!, RADIX) }];
  });
}

function entryOf({ offset, handler, attempts, due }: NotedAttempt, next: bigint, base: number): string {
  const numbers = [offset - next, attempts, due - base].map((number) => number.toString(RADIX)).join('.');
  return handler === '' ? numbers : `${numbers}.${handler}`;
}
