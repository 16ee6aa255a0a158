import { toBase64Url } from './base64url.codec.js';
import { type ClientCrypto, requireCrypto } from './client.crypto.js';
import { toHex } from './hex.codec.js';

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
 * @param crypto as the client's option `crypto`; left out: the runtime's own
 * @throws {MissingWebCryptoError} `webcrypto_missing`
 */
export async function createIdentity(crypto?: ClientCrypto): Promise<ClientIdentity> {
  const present = requireCrypto(crypto);
  const keyPair = await createKeyPair(present);
  return { sessionId: newSessionId(present), keyPair };
}

/** A key pair whose private half never leaves this runtime's cryptography. */
export function createKeyPair({ subtle }: ClientCrypto): Promise<CryptoKeyPair> {
  return subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, false, ['deriveBits']);
}

/** A ClientSessionId. */
export function newSessionId(crypto: ClientCrypto): string {
  return toBase64Url(crypto.getRandomValues(new Uint8Array(SESSION_BYTES)));
}

/** A RequestId: a random UUID. Browsers make them only where the page is secure, and polyfills often do not at all. */
export function newRequestId(crypto: ClientCrypto): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return toHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
