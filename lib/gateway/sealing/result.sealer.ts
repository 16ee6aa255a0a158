import { createCipheriv } from 'node:crypto';
import { SEALING_EXPORT, SEALING_INFO } from '../../protocol/channels.js';
import type { Sealed } from '../../protocol/frames.js';
import { ownCopy } from '../own.copy.js';
import { encapsulate, exporterSecret, exportSecret } from './hpke.sender.js';
import { parsePublicKey } from './public-key.js';

const INFO = Buffer.from(SEALING_INFO);
const EXPORT_CONTEXT = Buffer.from(SEALING_EXPORT.context);
const NONCE_BYTES = 12;
/** `writeUIntBE` takes six bytes at most, and throws rather than wraps beyond them. */
const COUNTER_BYTES = 6;

/** How much was done. */
export interface SealingTally {
  /** Results that were sealed. */
  seals: number;
  /** Set-ups that were made. */
  setups: number;
}

/**
 * Seals results so that only the client that asked can open them. The costly half, HPKE's set-up (0.2 ms), is done once per
 * client key, when its first result comes at the latest, and kept; each result then costs one AES-256-GCM (4 µs for 300 bytes).
 */
export class ResultSealer {
  readonly #limit: number;
  readonly #tally: SealingTally;
  readonly #setups = new Map<string, SealingSetup>();

  /**
   * @param limit client keys whose set-up is kept; the one unused for longest goes first
   * @param tally is counted up
   */
  constructor(limit: number, tally: SealingTally = { seals: 0, setups: 0 }) {
    this.#limit = limit;
    this.#tally = tally;
  }

  /** Client keys whose set-up is kept now. */
  get size(): number {
    return this.#setups.size;
  }

  /** Whether the costly half is done for this key. */
  has(publicKey: string): boolean {
    return this.#setups.has(publicKey);
  }

  /**
   * Does the costly half now, for results to come.
   * @throws {InvalidPublicKeyError} `public_key_invalid`
   */
  prepare(publicKey: string): void {
    this.#setup(publicKey);
  }

  /**
   * Seals one result.
   * @param publicKey the client's key, as it stands in the bread crumbs
   * @param aad what the result is bound to: `sealedFor` of the topic, session and request
   * @throws {InvalidPublicKeyError} `public_key_invalid`
   */
  seal(publicKey: string, aad: string, plaintext: string | Buffer): Sealed {
    const sealed = this.#setup(publicKey).seal(aad, plaintext);
    this.#tally.seals++;
    return sealed;
  }

  #setup(publicKey: string): SealingSetup {
    const setup = this.#setups.get(publicKey) ?? this.#newSetup(publicKey);
    // A Map iterates in the order of insertion: taken out and put back, the first is the one unused for longest.
    this.#setups.delete(publicKey);
    this.#setups.set(publicKey, setup);
    if (this.#setups.size > this.#limit) this.#setups.delete(this.#setups.keys().next().value!);
    return setup;
  }

  #newSetup(publicKey: string): SealingSetup {
    const setup = new SealingSetup(parsePublicKey(publicKey));
    this.#tally.setups++;
    return setup;
  }
}

/** An exported AES key for one client, shared with nobody else: made from an ephemeral key of its own. */
class SealingSetup {
  readonly #enc: string;
  readonly #key: Buffer;
  /**
   * A plain counter is enough: every set-up has a fresh key, so no other process, and no set-up of the same client before or
   * after this one, ever pairs this key with a nonce. Random bytes would only bring in collisions and GCM's limit of 2^32
   * messages a key.
   */
  readonly #nonce = Buffer.alloc(NONCE_BYTES);
  #sealed = 0;

  constructor(recipient: Buffer) {
    const { enc, sharedSecret } = encapsulate(recipient);
    this.#enc = enc.toString('base64url');
    this.#key = ownCopy(exportSecret(exporterSecret(sharedSecret, INFO), EXPORT_CONTEXT, SEALING_EXPORT.length));
  }

  seal(aad: string, plaintext: string | Buffer): Sealed {
    this.#nonce.writeUIntBE(this.#sealed++, NONCE_BYTES - COUNTER_BYTES, COUNTER_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#key, this.#nonce);
    cipher.setAAD(Buffer.from(aad));
    const body = typeof plaintext === 'string' ? cipher.update(plaintext, 'utf8') : cipher.update(plaintext);
    cipher.final(); // GCM is a stream: nothing is left to come out, but the tag is known only now
    return {
      enc: this.#enc,
      iv: this.#nonce.toString('base64url'),
      ct: Buffer.concat([body, cipher.getAuthTag()]).toString('base64url'),
    };
  }
}
