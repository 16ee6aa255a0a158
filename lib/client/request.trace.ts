import type { ClientCrypto } from './client.crypto.js';
import { toHex } from './hex.codec.js';

/** Which trace a request belongs to: made up, asked of the application, or none. */
export type TraceOption = boolean | (() => string | undefined);

/** @see https://www.w3.org/TR/trace-context/#traceparent-header */
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * The traceparent of a request that is sent now. What an application's function returns is left out where it is none, and what it
 * throws is told and no more: no command is to fail for the sake of its trace.
 */
export function traceparentNow(
  option: TraceOption,
  crypto: ClientCrypto,
  onThrown: (thrown: unknown) => void,
): string | undefined {
  if (option === false) return undefined;
  if (option === true) return newTraceparent(crypto);
  try {
    const given = option();
    return given !== undefined && TRACEPARENT.test(given) ? given : undefined;
  } catch (error) {
    onThrown(error);
    return undefined;
  }
}

/** A new trace that is to be recorded. Random bytes that are all zeros, which name nothing, do not come up. */
function newTraceparent(crypto: ClientCrypto): string {
  const hex = toHex(crypto.getRandomValues(new Uint8Array(24)));
  return `00-${hex.slice(0, 32)}-${hex.slice(32)}-01`;
}
