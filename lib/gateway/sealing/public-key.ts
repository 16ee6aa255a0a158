import { ECDH } from 'node:crypto';
import { KafkaSocketError } from '../../kafka-socket.error.js';

/** The curve of clients' keys, as OpenSSL names it. */
export const CURVE = 'prime256v1';

/** Length of a raw uncompressed P-256 point: 0x04, x, y. */
export const PUBLIC_KEY_BYTES = 65;

/** A client's public key that nothing can be sealed for. */
export class InvalidPublicKeyError extends KafkaSocketError {
  readonly code = 'public_key_invalid';
}

// 65 bytes that begin with 0x04, in the one base64url spelling that they have: what Node decodes more leniently would be
// one key under several names, and a request's identity holds the name.
const SPELLING = /^B[A-P][A-Za-z0-9_-]{84}[AEIMQUYcgkosw048]$/;

/**
 * Reads a client's key: a raw uncompressed P-256 point in base64url without padding. Takes about 15 µs.
 * @throws {InvalidPublicKeyError} `public_key_invalid`: another form or length, or a point that is not on the curve
 */
export function parsePublicKey(text: string): Buffer {
  if (!SPELLING.test(text)) {
    throw new InvalidPublicKeyError(
      `The public key is not a raw uncompressed P-256 point (${PUBLIC_KEY_BYTES} bytes that begin with 0x04) in base64url ` +
        'without padding. Send what WebCrypto exports as "raw".',
    );
  }
  const point = Buffer.from(text, 'base64url');
  try {
    // OpenSSL checks that the point is on the curve when it reads one. A point that is not would leak the ephemeral key.
    ECDH.convertKey(point, CURVE);
  } catch (cause) {
    throw new InvalidPublicKeyError(
      'The public key is not a point on the curve P-256. Send what WebCrypto exports as "raw".',
      { cause },
    );
  }
  return point;
}

/** Whether results can be sealed for this key. */
export function isPublicKey(text: string): boolean {
  try {
    parsePublicKey(text);
    return true;
  } catch {
    return false;
  }
}
