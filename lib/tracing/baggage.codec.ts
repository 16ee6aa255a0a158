import { type Baggage, type BaggageEntry, propagation } from '@opentelemetry/api';
import { BAGGAGE_LENGTH } from '../message/trace.headers.js';

/** Entries that are carried on at most: what the W3C asks everybody to carry. */
const ENTRIES = 64;

/** What an entry may be called: a token of HTTP. */
export const BAGGAGE_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * Reads a `baggage` header; what is malformed in it is passed by. Properties behind a `;` are dropped: nobody here asks for them.
 * @param wanted whether an entry of this name is
 * @see https://www.w3.org/TR/baggage/
 */
export function parseBaggage(text: string, wanted: (name: string) => boolean = () => true): Baggage | undefined {
  const entries: Record<string, BaggageEntry> = Object.create(null) as Record<string, BaggageEntry>;
  let count = 0;
  for (const member of text.slice(0, BAGGAGE_LENGTH).split(',')) {
    const [name, value] = pairIn(member);
    if (name === undefined || value === undefined || !wanted(name)) continue;
    entries[name] = { value };
    if (++count === ENTRIES) break;
  }
  return count > 0 ? propagation.createBaggage(entries) : undefined;
}

/** Writes a `baggage` header; undefined where nothing is to be written. Entries beyond what a header holds are left out. */
export function formatBaggage(baggage: Baggage | undefined): string | undefined {
  if (!baggage) return undefined;
  let text = '';
  for (const [name, { value }] of baggage.getAllEntries().slice(0, ENTRIES)) {
    const member = `${text && ','}${name}=${encoded(value)}`;
    if (BAGGAGE_NAME.test(name) && text.length + member.length <= BAGGAGE_LENGTH) text += member;
  }
  return text || undefined;
}

/**
 * Half a character, which no URI can hold, becomes a replacement character. An application in plain JavaScript may have put anything
 * there, and no message is to fail for it.
 */
function encoded(value: unknown): string {
  return encodeURIComponent(Buffer.from(String(value)).toString());
}

function pairIn(member: string): [name?: string, value?: string] {
  const [pair = ''] = member.split(';', 1);
  const at = pair.indexOf('=');
  const name = pair.slice(0, at).trim();
  if (at < 1 || !BAGGAGE_NAME.test(name)) return [];
  try {
    return [name, decodeURIComponent(pair.slice(at + 1).trim())];
  } catch {
    return []; // a lonely percent sign
  }
}
