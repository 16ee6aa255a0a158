import type { DeadLetter } from '../dead-letters/dead-letter.js';
import { headerText } from '../message/record.headers.js';

/** A letter in one line: where it stands, when, why, what it is, and what went wrong. */
export function lineOf(letter: DeadLetter): string {
  const { at, time, reason, type, attempts, handler, error, replays } = letter;
  return [
    `${at.partition}/${at.offset}`,
    new Date(time).toISOString(),
    reason,
    type || '(no type)',
    `attempts ${attempts}`,
    ...(replays > 0 ? [`replayed ${replays}×`] : []),
    ...(handler === undefined ? [] : [handler]),
    ...(error === undefined ? [] : [oneLine(error)]),
  ].join('  ');
}

/** A letter for programs, without its value. */
export function objectOf({
  at,
  time,
  reason,
  error,
  attempts,
  handler,
  source,
  type,
  replays,
  record,
}: DeadLetter): object {
  return {
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
}

/** All of a letter, its headers and its value among it. */
export function wholeOf(letter: DeadLetter): string {
  const { record } = letter;
  const headers = Object.entries(record.headers).map(
    ([name, value]) => `  ${name}: ${oneLine(headerText(value) ?? '')}`,
  );
  return [
    JSON.stringify(objectOf(letter), null, 2),
    'headers',
    ...headers,
    'value',
    record.value?.toString() ?? '(none)',
  ].join('\n');
}

/** What came from anywhere must not move the cursor or colour the screen. */
function oneLine(text: string): string {
  // eslint-disable-next-line no-control-regex -- those are what is taken out
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
}
