import { toBase64Url } from './base64url.codec.js';
import { type ClientCrypto, requireCrypto } from './client.crypto.js';
import { createKeyPair } from './client.identity.js';
import { ResultOpener } from './result.opener.js';

/** What a hello shows of a key pair, and what opens the results that are sealed for it. */
export interface Credentials {
  readonly publicKey: string;
  readonly opener: ResultOpener;
}

/** Makes the credentials for the first attempt to connect, and keeps them for all others. */
export class CredentialsSource {
  readonly #crypto: ClientCrypto;
  readonly #keyPair: CryptoKeyPair | undefined;
  #credentials: Promise<Credentials> | undefined;

  /**
   * @param keyPair left out: a new one
   * @param crypto left out: the runtime's own
   */
  constructor(keyPair: CryptoKeyPair | undefined, crypto: ClientCrypto = requireCrypto()) {
    this.#crypto = crypto;
    this.#keyPair = keyPair;
  }

  get(): Promise<Credentials> {
    this.#credentials ??= this.#make().catch((error: unknown) => {
      this.#credentials = undefined; // so that the next attempt tries again
      throw error;
    });
    return this.#credentials;
  }

  async #make(): Promise<Credentials> {
    const { publicKey, privateKey } = this.#keyPair ?? (await createKeyPair(this.#crypto));
    const raw = new Uint8Array(await this.#crypto.subtle.exportKey('raw', publicKey));
    return { publicKey: toBase64Url(raw), opener: new ResultOpener(privateKey, raw, this.#crypto) };
  }
}
