import { createCipheriv, createECDH, randomBytes } from 'node:crypto';
import { ResultSealer } from '../lib/gateway/sealing/result.sealer.js';
import { sealedFor } from '../lib/protocol/channels.js';
import type { BenchCase, BenchSite } from './bench.case.js';
import { now } from './support/clock.js';
import type { Figure } from './support/figure.js';
import { interleave } from './support/interleave.js';

const RESULT_BYTES = 300;
/** Client keys, whose set-ups are all there: each costs as much as fifty results, and is made once. */
const CLIENTS = 100;

/** Results sealed for the clients that asked, beside AES-256-GCM with a ready key on the same bytes. */
export const seal: BenchCase = {
  name: 'seal',
  needs: [],

  async run({ quick }: BenchSite): Promise<Figure[]> {
    const count = quick ? 50_000 : 200_000;
    const plaintext = Buffer.from(JSON.stringify({ status: 'success', value: 'x'.repeat(RESULT_BYTES) })).subarray(
      0,
      RESULT_BYTES,
    );
    const aad = sealedFor('auction', randomBytes(16).toString('base64url'), crypto.randomUUID());
    const { ours, floor } = await interleave<number, 'ours' | 'floor'>(quick ? 3 : 7, {
      ours: () => Promise.resolve(perSecond(count, sealing(plaintext, aad))),
      floor: () => Promise.resolve(perSecond(count, bareGcm(plaintext, aad))),
    });
    return [{ metric: 'results sealed', unit: 'seals/s', ours, floor, goal: { of: 'floor', atLeast: 0.4 } }];
  },
};

function perSecond(count: number, once: (index: number) => void): number {
  const begin = now();
  for (let index = 0; index < count; index++) once(index);
  return (count * 1_000) / (now() - begin);
}

function sealing(plaintext: Buffer, aad: string): (index: number) => void {
  const sealer = new ResultSealer(CLIENTS);
  const keys = Array.from({ length: CLIENTS }, () => createECDH('prime256v1').generateKeys('base64url'));
  for (const key of keys) sealer.seal(key, aad, plaintext);
  return (index) => void sealer.seal(keys[index % CLIENTS]!, aad, plaintext);
}

function bareGcm(plaintext: Buffer, aad: string): (index: number) => void {
  const key = randomBytes(32);
  const nonce = Buffer.alloc(12);
  const bound = Buffer.from(aad);
  return (index) => {
    nonce.writeUInt32BE(index, 8);
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    cipher.setAAD(bound);
    cipher.update(plaintext);
    cipher.final();
    cipher.getAuthTag();
  };
}
