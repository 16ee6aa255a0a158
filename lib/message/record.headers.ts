import type { HeaderValue } from './record.js';

/**
 * A header as text: the first value where it is repeated, undefined where it is absent or null. Bytes that are not
 * UTF-8 become replacement characters, so that foreign headers never crash a reader.
 */
export function headerText(value: HeaderValue): string | undefined {
  if (typeof value === 'string') return value;
  if (value === null || value === undefined) return undefined;
  if (Buffer.isBuffer(value)) return value.toString('utf8');
  return Array.isArray(value) ? headerText(value[0] as HeaderValue) : undefined;
}
