import type { BreadCrumbs, ReplyAddress } from './bread-crumbs.js';
import { MalformedMessageError } from './message.errors.js';

/** What the `ce_breadcrumbs` header may hold at most, in bytes. */
export const MAX_BREAD_CRUMBS_BYTES = 8 * 1024;

const CRUMB_NAME = /^[A-Za-z0-9_-]+$/;
const DECIMAL = /^(0|[1-9]\d{0,15})$/;
/** What percent-encoding leaves as it is: nearly every value, and to look costs a quarter of the encoding. */
const UNRESERVED = /^[A-Za-z0-9_.~-]*$/;
/** Names of our own, and where each stands among the values that were read. */
const NAMES = [
  'request',
  'session',
  'publickey',
  'correlation',
  'causation',
  'deadline',
  'due',
  'timeout',
  'reply',
  'attempt',
  'user',
  'final',
] as const;
const KNOWN: ReadonlyMap<string, number> = new Map(NAMES.map((name, index) => [name, index]));
const NOTHING = NAMES.map(() => undefined);

/**
 * Writes bread crumbs as `name=value` pairs joined by `;`, values percent-encoded. What {@link decodeBreadCrumbs} would refuse is
 * refused here: one such record in the log would be refused by every reader, for ever.
 * @throws {MalformedMessageError} `message_malformed`: a name outside `[A-Za-z0-9_-]+`, a lone surrogate in a value, a number that
 * is not whole, or negative, a reply address without a topic, or over 8 KiB in all
 */
export function encodeBreadCrumbs(crumbs: BreadCrumbs): string {
  let text = '';
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined) text += `${text === '' ? '' : ';'}${name}=${value}`;
  };
  add('request', escaped('request', crumbs.requestId));
  add('session', escaped('session', crumbs.sessionId));
  add('publickey', escaped('publickey', crumbs.publicKey));
  add('correlation', escaped('correlation', crumbs.correlationId));
  add('causation', escaped('causation', crumbs.causationId));
  add('deadline', whole('deadline', crumbs.deadline));
  add('due', whole('due', crumbs.due));
  add('timeout', escaped('timeout', crumbs.timeoutId));
  add('reply', crumbs.reply && addressText(crumbs.reply));
  add('attempt', whole('attempt', crumbs.attempt));
  add('user', escaped('user', crumbs.user));
  add('final', crumbs.final ? '1' : undefined);
  for (const [name, value] of Object.entries(crumbs.others ?? {})) {
    if (!CRUMB_NAME.test(name) || KNOWN.has(name)) {
      throw new MalformedMessageError(
        `The bread crumb "${name}" cannot be written: names are [A-Za-z0-9_-]+ and not one of ours.`,
      );
    }
    add(name, escaped(name, value));
  }
  return bounded(text);
}

/**
 * Goes on from written crumbs of a message that nothing caused, as those of what ends its request.
 * @throws {MalformedMessageError} `message_malformed`: over 8 KiB in all
 */
export function finalBreadCrumbs(text: string, causationId: string): string {
  return bounded(`${text};causation=${escaped('causation', causationId)};final=1`);
}

function bounded(text: string): string {
  if (text.length <= MAX_BREAD_CRUMBS_BYTES) return text;
  throw new MalformedMessageError(
    `The bread crumbs take ${text.length} bytes, and ${MAX_BREAD_CRUMBS_BYTES} is the most that a header carries. Put less into the user's claims.`,
  );
}

/**
 * Reads what {@link encodeBreadCrumbs} wrote, by anyone. The first of a repeated name counts, unknown names are kept.
 * @param fallbackId what correlates a message that names no correlation: its own id
 * @throws {MalformedMessageError} `message_malformed`: not pairs, a bad escape, a number that is none, or over 8 KiB
 */
export function decodeBreadCrumbs(text: string, fallbackId: string): BreadCrumbs {
  const size = Buffer.byteLength(text);
  if (size > MAX_BREAD_CRUMBS_BYTES) {
    throw new MalformedMessageError(`The bread crumbs take ${size} bytes; ${MAX_BREAD_CRUMBS_BYTES} are allowed.`);
  }
  const known: (string | undefined)[] = [...NOTHING];
  const others = new Map<string, string>();
  for (const pair of text === '' ? [] : text.split(';')) {
    const equals = pair.indexOf('=');
    const name = pair.slice(0, Math.max(equals, 0));
    const index = KNOWN.get(name);
    if (index === undefined && !CRUMB_NAME.test(name))
      throw new MalformedMessageError('The bread crumbs are not name=value pairs joined by ";".');
    if (index !== undefined) known[index] ??= unescape(name, pair.slice(equals + 1));
    else if (!others.has(name)) others.set(name, unescape(name, pair.slice(equals + 1)));
  }
  const [requestId, sessionId, publicKey, correlation, causationId, deadline, due, timeoutId, reply, attempt, user] =
    known;
  return {
    requestId,
    sessionId,
    publicKey,
    correlationId: correlation ?? fallbackId,
    causationId,
    deadline: decimal('deadline', deadline),
    due: decimal('due', due),
    timeoutId,
    reply: replyAddress(reply),
    attempt: decimal('attempt', attempt) ?? 1,
    user,
    // As the outcome rule reads it, unescaped: readers that disagreed about it would disagree about the outcome.
    final: peekBreadCrumb(text, 'final') === '1' || undefined,
    others: others.size > 0 ? Object.fromEntries(others) : undefined,
  };
}

/**
 * One crumb, found without reading the others: for readers that decide on a single one, record after record.
 * @returns its raw value, still percent-encoded
 */
export function peekBreadCrumb(text: string, name: string): string | undefined {
  let start = 0;
  while (start < text.length) {
    const end = text.indexOf(';', start);
    const stop = end === -1 ? text.length : end;
    if (text.startsWith(name, start) && text[start + name.length] === '=')
      return text.slice(start + name.length + 1, stop);
    start = stop + 1;
  }
  return undefined;
}

function escaped(name: string, value: string | undefined): string | undefined {
  if (value === undefined || UNRESERVED.test(value)) return value;
  try {
    return encodeURIComponent(value);
  } catch (cause) {
    throw new MalformedMessageError(`The bread crumb "${name}" is not well-formed Unicode.`, { cause });
  }
}

function unescape(name: string, value: string): string {
  if (!value.includes('%')) return value;
  try {
    return decodeURIComponent(value);
  } catch (cause) {
    throw new MalformedMessageError(`The bread crumb "${name}" is not percent-encoded UTF-8.`, { cause });
  }
}

function whole(name: string, value: number | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (Number.isSafeInteger(value) && value >= 0) return String(value);
  throw new MalformedMessageError(`The bread crumb "${name}" is ${value}, which is no whole number from 0 on.`);
}

function addressText({ topic, partition }: ReplyAddress): string {
  if (topic === '') throw new MalformedMessageError('The bread crumb "reply" names no topic.');
  return `${escaped('reply', topic)}%2F${whole('reply', partition)}`;
}

function decimal(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!isDecimal(text)) throw new MalformedMessageError(`The bread crumb "${name}" is not a decimal number.`);
  return Number(text);
}

function replyAddress(text: string | undefined): ReplyAddress | undefined {
  if (text === undefined) return undefined;
  const slash = text.lastIndexOf('/');
  const partition = text.slice(slash + 1);
  if (slash < 1 || !isDecimal(partition))
    throw new MalformedMessageError('The bread crumb "reply" is not topic/partition.');
  return { topic: text.slice(0, slash), partition: Number(partition) };
}

/** A whole number from 0 on that JavaScript can hold; 16 digits may be more than that. */
function isDecimal(text: string): boolean {
  return DECIMAL.test(text) && Number.isSafeInteger(Number(text));
}
