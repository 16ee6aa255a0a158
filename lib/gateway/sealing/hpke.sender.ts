import { createECDH, createHmac, type ECDH } from 'node:crypto';
import { CURVE } from './public-key.js';

// HPKE (RFC 9180), the sender of base mode: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, export-only AEAD. Names are the RFC's.
// Synchronous on node:crypto: a set-up takes 0.2 ms, while WebCrypto's trips to the thread pool take seven times as long.
const KEM_SUITE = Buffer.from('KEM\x00\x10', 'latin1');
const HPKE_SUITE = Buffer.from('HPKE\x00\x10\x00\x01\xff\xff', 'latin1');
const VERSION = Buffer.from('HPKE-v1');
const HASH_BYTES = 32;
const NOTHING = Buffer.alloc(0);

/** A fresh shared secret, and what the recipient needs to find it too. */
export interface Encapsulation {
  readonly enc: Buffer;
  readonly sharedSecret: Buffer;
}

/**
 * The KEM's `Encap`.
 * @param recipient the recipient's point, checked before
 * @param ephemeral a key pair to use instead of a fresh one: for published test vectors, never else
 */
export function encapsulate(recipient: Buffer, ephemeral: ECDH = freshKeyPair()): Encapsulation {
  const enc = ephemeral.getPublicKey();
  const dh = ephemeral.computeSecret(recipient);
  const eaePrk = labeledExtract(KEM_SUITE, NOTHING, 'eae_prk', dh);
  const kemContext = Buffer.concat([enc, recipient]);
  return { enc, sharedSecret: labeledExpand(KEM_SUITE, eaePrk, 'shared_secret', kemContext, HASH_BYTES) };
}

/** `KeySchedule` of base mode, as far as an export-only context needs it: the exporter secret. */
export function exporterSecret(sharedSecret: Buffer, info: Buffer): Buffer {
  const context = Buffer.concat([
    Buffer.of(0), // mode_base
    labeledExtract(HPKE_SUITE, NOTHING, 'psk_id_hash', NOTHING),
    labeledExtract(HPKE_SUITE, NOTHING, 'info_hash', info),
  ]);
  const secret = labeledExtract(HPKE_SUITE, sharedSecret, 'secret', NOTHING);
  return labeledExpand(HPKE_SUITE, secret, 'exp', context, HASH_BYTES);
}

/** `Context.Export`. */
export function exportSecret(exporter: Buffer, context: Buffer, length: number): Buffer {
  return labeledExpand(HPKE_SUITE, exporter, 'sec', context, length);
}

function freshKeyPair(): ECDH {
  const pair = createECDH(CURVE);
  pair.generateKeys();
  return pair;
}

function labeledExtract(suite: Buffer, salt: Buffer, label: string, ikm: Buffer): Buffer {
  return hmac(salt, [VERSION, suite, Buffer.from(label), ikm]);
}

function labeledExpand(suite: Buffer, prk: Buffer, label: string, info: Buffer, length: number): Buffer {
  const labeledInfo = [Buffer.of(length >> 8, length & 0xff), VERSION, suite, Buffer.from(label), info];
  const blocks: Buffer[] = [];
  for (let i = 1; blocks.length * HASH_BYTES < length; i++) {
    blocks.push(hmac(prk, [blocks.at(-1) ?? NOTHING, ...labeledInfo, Buffer.of(i)]));
  }
  return Buffer.concat(blocks, length);
}

function hmac(key: Buffer, parts: readonly Buffer[]): Buffer {
  return createHmac('sha256', key).update(Buffer.concat(parts)).digest();
}
