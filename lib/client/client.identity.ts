import { toBase64Url } from './base64url.codec.js';
import { MissingWebCryptoError } from './client.errors.js';

/** Who a client is to the gateways: results go to this session, and only this key opens them. */
export interface ClientIdentity {
  /** 16 to 64 of `A-Za-z0-9_-`, at least 128 random bits: who guesses it still cannot open anything, but should not guess it. */
  readonly sessionId: string;
  /** ECDH on P-256, for `deriveBits`. The private key need not be extractable. */
  readonly keyPair: CryptoKeyPair;
}

const SESSION_BYTES = 18;

/**
 * Makes an identity. A client makes its own unless it is given one; give one that you kept (IndexedDB stores key pairs
 * that cannot be extracted) where a reloaded page shall go on with its session.
 * @throws {MissingWebCryptoError} `webcrypto_missing`
 */
export async function createIdentity(): Promise<ClientIdentity> {
  const keyPair = await createKeyPair();
  return { sessionId: newSessionId(), keyPair };
}

/** A key pair whose private half never leaves this runtime's cryptography. */
export async function createKeyPair(): Promise<CryptoKeyPair> {
  return requireWebCrypto().generateKey({ name: 'ECDH', namedCurve: 'P-256' }, false, ['deriveBits']);
}

/** A ClientSessionId. */
export function newSessionId(): string {
  return toBase64Url(crypto.getRandomValues(new Uint8Array(SESSION_BYTES)));
}

/**
 * The runtime's cryptography.
 * @throws {MissingWebCryptoError} `webcrypto_missing`
 */
export function requireWebCrypto(): SubtleCrypto {
  const subtle = globalThis.crypto?.subtle as SubtleCrypto | undefined;
  if (subtle) return subtle;
  throw new MissingWebCryptoError(
    'This runtime offers no crypto.subtle, which the client opens sealed results with. Browsers offer it on https:// and on ' +
      'localhost only, so serve the page from there. In React Native install a WebCrypto polyfill before the client is made.',
  );
}

/** A RequestId. */
export function newRequestId(): string {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // polyfills often have this alone
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
