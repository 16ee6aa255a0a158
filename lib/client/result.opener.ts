import { SEALING_EXPORT, SEALING_INFO } from '../protocol/channels.js';
import type { Sealed } from '../protocol/frames.js';
import { fromBase64Url } from './base64url.codec.js';
import { BoundedMap } from './bounded.map.js';
import { type ClientCrypto, requireCrypto } from './client.crypto.js';
import { fromUtf8, toUtf8 } from './utf8.codec.js';

type Bytes = Uint8Array<ArrayBuffer>;

// HPKE (RFC 9180), the recipient of base mode: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, export-only AEAD. Names are the RFC's.
const KEM_SUITE = Uint8Array.of(0x4b, 0x45, 0x4d, 0x00, 0x10); // "KEM", kem_id
const HPKE_SUITE = Uint8Array.of(0x48, 0x50, 0x4b, 0x45, 0x00, 0x10, 0x00, 0x01, 0xff, 0xff); // "HPKE", kem_id, kdf_id, aead_id
const HASH_BYTES = 32;
const NOTHING = new Uint8Array();

/** Gateways that a client meets in a while: each seals with one key for it. */
const KEPT_KEYS = 16;

/** Opens sealed results. Made for one key pair; keys that were worked out once are kept. */
export class ResultOpener {
  readonly #subtle: ClientCrypto['subtle'];
  readonly #keys = new BoundedMap<string, Promise<CryptoKey>>(KEPT_KEYS);
  readonly #privateKey: CryptoKey;
  readonly #publicKey: Bytes;

  /**
   * @param publicKey the raw point that belongs to the private key
   * @param crypto left out: the runtime's own
   */
  constructor(privateKey: CryptoKey, publicKey: Bytes, { subtle } = requireCrypto()) {
    this.#subtle = subtle;
    this.#privateKey = privateKey;
    this.#publicKey = publicKey;
  }

  /**
   * Opens one result. Rejects where anything was tampered with.
   * @param aad what it is bound to
   */
  async open({ enc, iv, ct }: Sealed, aad: string): Promise<string> {
    const algorithm = { name: 'AES-GCM', iv: fromBase64Url(iv), additionalData: toUtf8(aad) };
    const plaintext = await this.#subtle.decrypt(algorithm, await this.#key(enc), fromBase64Url(ct));
    return fromUtf8(new Uint8Array(plaintext));
  }

  #key(enc: string): Promise<CryptoKey> {
    const known = this.#keys.get(enc);
    if (known) return known;
    const key = this.#exportedKey(fromBase64Url(enc));
    this.#keys.set(enc, key);
    key.catch(() => this.#keys.delete(enc)); // whoever waits for it is told; it must only not stay
    return key;
  }

  async #exportedKey(enc: Bytes): Promise<CryptoKey> {
    const sharedSecret = await this.#decap(enc);
    const context = concat(
      Uint8Array.of(0), // mode_base
      await this.#labeledExtract(HPKE_SUITE, NOTHING, 'psk_id_hash', NOTHING),
      await this.#labeledExtract(HPKE_SUITE, NOTHING, 'info_hash', toUtf8(SEALING_INFO)),
    );
    const secret = await this.#labeledExtract(HPKE_SUITE, sharedSecret, 'secret', NOTHING);
    const exporter = await this.#labeledExpand(HPKE_SUITE, secret, 'exp', context);
    const exported = await this.#labeledExpand(HPKE_SUITE, exporter, 'sec', toUtf8(SEALING_EXPORT.context));
    return this.#subtle.importKey('raw', exported, 'AES-GCM', false, ['decrypt']);
  }

  async #decap(enc: Bytes): Promise<Bytes> {
    const ephemeral = await this.#subtle.importKey('raw', enc, { name: 'ECDH', namedCurve: 'P-256' }, true, []);
    const dh = await this.#subtle.deriveBits({ name: 'ECDH', public: ephemeral }, this.#privateKey, HASH_BYTES * 8);
    const eaePrk = await this.#labeledExtract(KEM_SUITE, NOTHING, 'eae_prk', new Uint8Array(dh));
    return this.#labeledExpand(KEM_SUITE, eaePrk, 'shared_secret', concat(enc, this.#publicKey));
  }

  #labeledExtract(suite: Bytes, salt: Bytes, label: string, ikm: Bytes): Promise<Bytes> {
    // HMAC fills keys up with zeros, and WebCrypto refuses an empty one.
    return this.#hmac(
      salt.length > 0 ? salt : new Uint8Array(HASH_BYTES),
      concat(toUtf8('HPKE-v1'), suite, toUtf8(label), ikm),
    );
  }

  /** Always one block long, as all that is derived here, so the expansion is a single HMAC. */
  #labeledExpand(suite: Bytes, prk: Bytes, label: string, info: Bytes): Promise<Bytes> {
    const labeledInfo = [Uint8Array.of(0, HASH_BYTES), toUtf8('HPKE-v1'), suite, toUtf8(label), info];
    return this.#hmac(prk, concat(...labeledInfo, Uint8Array.of(1)));
  }

  async #hmac(key: Bytes, data: Bytes): Promise<Bytes> {
    const imported = await this.#subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
    return new Uint8Array(await this.#subtle.sign('HMAC', imported, data));
  }
}

function concat(...parts: readonly Bytes[]): Bytes {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
