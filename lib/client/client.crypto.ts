import { MissingWebCryptoError } from './client.errors.js';

/**
 * As much of WebCrypto as the client uses: ECDH on P-256 (make, import and export raw keys, derive bits), HMAC with SHA-256
 * (import a raw key, sign) and AES-GCM (import a raw key, decrypt).
 */
export interface ClientCrypto {
  readonly getRandomValues: (array: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>;
  readonly subtle: Pick<SubtleCrypto, 'generateKey' | 'importKey' | 'exportKey' | 'deriveBits' | 'sign' | 'decrypt'>;
}

/**
 * The cryptography to use.
 * @param given in place of the runtime's own
 * @throws {MissingWebCryptoError} `webcrypto_missing`
 */
export function requireCrypto(given?: ClientCrypto): ClientCrypto {
  // Neither is in every runtime, whatever the types say.
  const crypto: Partial<ClientCrypto> | undefined = given ?? globalThis.crypto;
  if (typeof crypto?.getRandomValues === 'function' && crypto.subtle) return crypto as ClientCrypto;
  throw new MissingWebCryptoError(
    given
      ? 'The option `crypto` has no getRandomValues() or no subtle, which the client opens sealed results with. Give both.'
      : 'This runtime offers no crypto.subtle, which the client opens sealed results with. Browsers offer it on https:// and ' +
          'on localhost only, so serve the page from there. Elsewhere, as in React Native, give one by the option `crypto`: ' +
          'new KafkaSocketClient(url, { crypto: { getRandomValues, subtle } }).',
  );
}
