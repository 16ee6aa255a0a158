import type { DeadLetter } from '../dead-letters/dead-letter.js';
import { headerText } from '../message/record.headers.js';

/** A letter in one line: where it stands, when, why, what it is, and what went wrong. */
export function lineOf(letter: DeadLetter): string {
  const { at, time, reason, type, attempts, handler, error, replays } = letter;
  return [
    `${at.partition}/${at.offset}`,
    new Date(time).toISOString(),
    oneLine(reason),
    oneLine(type) || '(no type)',
    `attempts ${attempts}`,
    ...(replays > 0 ? [`replayed ${replays}×`] : []),
    ...(handler === undefined ? [] : [oneLine(handler)]),
    ...(error === undefined ? [] : [oneLine(error)]),
  ].join('  ');
}

/** A letter for programs, without its value, as JSON. */
export function jsonOf(letter: DeadLetter, indent?: number): string {
  const { at, time, reason, error, attempts, handler, source, type, replays, record } = letter;
  const object = {
    at: `${at.partition}/${at.offset}`,
    time: new Date(time).toISOString(),
    reason,
    type,
    attempts,
    replays,
    ...(handler !== undefined && { handler }),
    ...(error !== undefined && { error }),
    source: `${source.topic}/${source.partition}/${source.offset}`,
    key: record.key?.toString() ?? null,
  };
  // JSON escapes the control characters below the blank and leaves these as they are.
  const escaped = (one: string): string => `\\u00${one.charCodeAt(0).toString(16)}`;
  return JSON.stringify(object, null, indent).replace(/[\u007f-\u009f]/g, escaped);
}

/** All of a letter, its headers and its value among it. */
export function wholeOf(letter: DeadLetter): string {
  const { headers, value } = letter.record;
  const lines = Object.entries(headers).map(([name, text]) => `  ${oneLine(name)}: ${oneLine(headerText(text) ?? '')}`);
  const content = value === null ? '(none)' : printable(value.toString());
  return [jsonOf(letter, 2), 'headers', ...lines, 'value', content].join('\n');
}

/** What came from anywhere must not move the cursor or colour the screen. */
function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- those are what is taken out
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]+/g, ' ');
}

function oneLine(text: string): string {
  return printable(text).replace(/[\n\t]+/g, ' ');
}
