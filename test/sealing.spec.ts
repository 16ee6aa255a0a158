import { createECDH, createHash, ECDH, generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encapsulate, exporterSecret, exportSecret } from '../lib/gateway/sealing/hpke.sender.js';
import { InvalidPublicKeyError, isPublicKey } from '../lib/gateway/sealing/public-key.js';
import { ResultSealer } from '../lib/gateway/sealing/result.sealer.js';
import { sealedFor } from '../lib/protocol/channels.js';
import { type Client, newClient, open, suite } from './support/sealing.client.js';

const aad = sealedFor('auction', 'a-session-of-16-characters', '7f9c24e5-1c67-4f2b-9c1d-0123456789ab');
const result = JSON.stringify({ status: 'success', value: { lot: 7, amount: 120, name: 'Größe £' } });

describe('the vectors of RFC 9180 for DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, base mode', () => {
  it('gives the shared secret of appendix A.3.1', () => {
    const ephemeral = createECDH('prime256v1');
    ephemeral.setPrivateKey(hex('4995788ef4b9d6132b249ce59a77281493eb39af373d236a1fe415cb0c2d7beb'));
    const recipient = hex(
      '04fe8c19ce0905191ebc298a9245792531f26f0cece2460639e8bc39cb7f706a826a779b4cf969b8a0e539c7f62fb3d30ad6aa8f80e30f1d128aafd68a2ce72ea0',
    );

    const { enc, sharedSecret } = encapsulate(recipient, ephemeral);

    expect(enc.toString('hex')).toBe(
      '04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac98536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bfcb9382657222d18c4',
    );
    expect(sharedSecret.toString('hex')).toBe('c0d26aeab536609a572b07695d933b589dcf363ff9d93c93adea537aeabb8cb8');
  });

  // The export-only set stands in the RFC's test-vectors.json. Its exports are taken as Go's standard library keeps them
  // (src/crypto/hpke/testdata/rfc9180.json): one digest over exports of 0 to 999 bytes, with contexts drawn from SHAKE128.
  it('gives the exports of the export-only set', async () => {
    const recipient = hex(
      '046c6bb9e1976402c692fef72552f4aaeedd83a5e5079de3d7ae732da0f397b15921fb9c52c9866affc8e29c0271a35937023a9245982ec18bab1eb157cf16fc33',
    );
    const ephemeral = await keyPairFrom(hex('3800bb050bb4882791fc6b2361d7adc2543e4e0abbac367cf00a0c4251844350'));

    const { enc, sharedSecret } = encapsulate(recipient, ephemeral);
    const exporter = exporterSecret(sharedSecret, hex('4f6465206f6e2061204772656369616e2055726e'));

    expect(enc.toString('hex')).toBe(
      '04d804370b7e24b94749eb1dc8df6d4d4a5d75f9effad01739ebcad5c54a40d57aaa8b4190fc124dbde2e4f1e1d1b012a3bc4038157dc29b55533a932306d8d38d',
    );
    const draw = drawnFromShake128();
    const exports = Array.from({ length: 1_000 }, (_, length) => exportSecret(exporter, draw(), length));
    const digest = createHash('shake128', { outputLength: 16 }).update(Buffer.concat(exports)).digest('hex');
    expect(digest).toBe('a6d39296bc2704db6194b7d6180ede8a');
  });
});

describe('a sealed result', () => {
  it('is opened by an independent implementation of HPKE', async () => {
    const client = await newClient();
    const sealed = new ResultSealer(10).seal(client.publicKey, aad, result);

    expect(await open(client, sealed, aad)).toBe(result);
  });

  it('is the same from text and from bytes', async () => {
    const client = await newClient();
    const sealed = new ResultSealer(10).seal(client.publicKey, aad, Buffer.from(result));

    expect(await open(client, sealed, aad)).toBe(result);
  });

  it('is base64url without padding, with a nonce of 12 bytes and a tag of 16', async () => {
    const { publicKey } = await newClient();
    const { enc, iv, ct } = new ResultSealer(10).seal(publicKey, aad, result);

    for (const part of [enc, iv, ct]) expect(part).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(Buffer.from(enc, 'base64url')).toHaveLength(65);
    expect(Buffer.from(iv, 'base64url')).toHaveLength(12);
    expect(Buffer.from(ct, 'base64url')).toHaveLength(Buffer.byteLength(result) + 16);
  });

  it('is sealed whatever the text is', async () => {
    const client = await newClient();
    const sealer = new ResultSealer(10);
    const text = fc.string({ unit: 'grapheme' });
    await fc.assert(
      fc.asyncProperty(text, text, async (plaintext, context) => {
        expect(await open(client, sealer.seal(client.publicKey, context, plaintext), context)).toBe(plaintext);
      }),
    );
  });

  it('is not opened with another key', async () => {
    const sealed = new ResultSealer(10).seal((await newClient()).publicKey, aad, result);

    await expect(open(await newClient(), sealed, aad)).rejects.toThrow();
  });

  it.each([
    ['topic', sealedFor('auctions', 'a-session-of-16-characters', '7f9c24e5-1c67-4f2b-9c1d-0123456789ab')],
    ['session', sealedFor('auction', 'b-session-of-16-characters', '7f9c24e5-1c67-4f2b-9c1d-0123456789ab')],
    ['request', sealedFor('auction', 'a-session-of-16-characters', '7f9c24e5-1c67-4f2b-9c1d-0123456789ac')],
  ])('is not opened for another %s', async (_, other) => {
    const client = await newClient();
    const sealed = new ResultSealer(10).seal(client.publicKey, aad, result);

    await expect(open(client, sealed, other)).rejects.toThrow();
  });

  it('is not opened with a bit of any part turned over', async () => {
    const client = await newClient();
    const sealed = new ResultSealer(10).seal(client.publicKey, aad, result);
    for (const part of ['enc', 'iv', 'ct'] as const) {
      const bytes = Buffer.from(sealed[part], 'base64url');
      // The first byte, one in the middle, and the last: of `ct` that is its tag's.
      for (const at of [0, bytes.length >> 1, bytes.length - 1]) {
        const turned = Buffer.from(bytes);
        turned[at]! ^= 1;
        await expect(open(client, { ...sealed, [part]: turned.toString('base64url') }, aad)).rejects.toThrow();
      }
    }
  });

  it('is not opened when it was cut short', async () => {
    const client = await newClient();
    const sealed = new ResultSealer(10).seal(client.publicKey, aad, result);
    const ct = Buffer.from(sealed.ct, 'base64url').subarray(0, -1).toString('base64url');

    await expect(open(client, { ...sealed, ct }, aad)).rejects.toThrow();
  });
});

describe('many results for one client', () => {
  it('share one set-up and never a nonce', async () => {
    const { publicKey } = await newClient();
    const sealer = new ResultSealer(10);
    const nonces = new Set<string>();
    const keys = new Set<string>();
    for (let i = 0; i < 100_000; i++) {
      const { iv, enc } = sealer.seal(publicKey, aad, 'x');
      nonces.add(iv);
      keys.add(enc);
    }

    expect(nonces.size).toBe(100_000);
    expect(keys.size).toBe(1);
  });

  it('have another key at another gateway, so that equal nonces do not matter', async () => {
    const { publicKey } = await newClient();
    const [here, there] = [new ResultSealer(10), new ResultSealer(10)].map((sealer) =>
      sealer.seal(publicKey, aad, 'x'),
    );

    expect(here!.enc).not.toBe(there!.enc);
  });
});

describe('whatever results are sealed, prepared for and forgotten in whatever order', () => {
  it('never has a key and a nonce together twice', async () => {
    const keys = await Promise.all(Array.from({ length: 4 }, async () => (await newClient()).publicKey));
    const step = fc.record({
      what: fc.constantFrom('seal' as const, 'prepare' as const),
      key: fc.constantFrom(...keys),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), (steps, limit) => {
        const sealer = new ResultSealer(limit);
        const sealed = steps.flatMap(({ what, key }) =>
          what === 'seal' ? [sealer.seal(key, aad, 'x')] : (sealer.prepare(key), []),
        );
        expect(new Set(sealed.map(({ enc, iv }) => enc + iv)).size).toBe(sealed.length);
        expect(sealer.size).toBeLessThanOrEqual(limit);
      }),
    );
  });
});

describe('more clients than set-ups are kept for', () => {
  it('forgets the one unused for longest', async () => {
    const [first, second, third] = await Promise.all([newClient(), newClient(), newClient()]);
    const sealer = new ResultSealer(2);
    const encOf = (client: Client) => sealer.seal(client.publicKey, aad, 'x').enc;
    const before = { first: encOf(first), second: encOf(second) };
    encOf(first); // used again, so the second is now the one unused for longest
    encOf(third);

    expect(sealer.size).toBe(2);
    expect(encOf(first)).toBe(before.first);
    expect(encOf(second)).not.toBe(before.second);
    expect(sealer.size).toBe(2);
  });

  it('opens what a renewed set-up sealed', async () => {
    const client = await newClient();
    const sealer = new ResultSealer(1);
    sealer.seal(client.publicKey, aad, 'x');
    sealer.seal((await newClient()).publicKey, aad, 'x');

    expect(await open(client, sealer.seal(client.publicKey, aad, result), aad)).toBe(result);
  });
});

describe('a public key that is none', () => {
  const point = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
  const raw = Buffer.concat([Buffer.of(4), Buffer.from(point.x!, 'base64url'), Buffer.from(point.y!, 'base64url')]);
  const changed = (change: (bytes: Buffer) => void) => {
    const bytes = Buffer.from(raw);
    change(bytes);
    return bytes.toString('base64url');
  };

  it.each([
    ['empty', ''],
    ['one byte short', raw.subarray(0, 64).toString('base64url')],
    ['one byte long', Buffer.concat([raw, Buffer.of(0)]).toString('base64url')],
    [
      'compressed',
      (ECDH.convertKey(raw, 'prime256v1', undefined, undefined, 'compressed') as Buffer).toString('base64url'),
    ],
    ['hybrid', (ECDH.convertKey(raw, 'prime256v1', undefined, undefined, 'hybrid') as Buffer).toString('base64url')],
    ['the point at infinity', Buffer.of(0).toString('base64url')],
    ['the point at infinity, filled up', Buffer.alloc(65).toString('base64url')],
    ['zero', changed((bytes) => bytes.fill(0, 1))],
    ['beyond the field', changed((bytes) => bytes.fill(0xff, 1))],
    ['off the curve', changed((bytes) => (bytes[64]! ^= 1))],
    ['padded', `${raw.toString('base64url')}=`],
    ['plain base64', raw.toString('base64url').replace(/^.{40}./, (start) => `${start.slice(0, -1)}+`)],
    ['with a line feed', `${raw.toString('base64url')}\n`],
    ['spelt in a second way', spelling(raw)],
  ])('is refused: %s', (_, key) => {
    expect(isPublicKey(key)).toBe(false);
    expect(() => new ResultSealer(10).seal(key, aad, result)).toThrow(InvalidPublicKeyError);
  });

  it('is refused with a code, and without the key in the message', () => {
    const key = changed((bytes) => (bytes[64]! ^= 1));
    try {
      new ResultSealer(10).seal(key, aad, result);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'public_key_invalid', temporary: false });
      expect((error as Error).message).not.toContain(key);
    }
  });

  it('never takes the sealer down, whatever the bytes', () => {
    const sealer = new ResultSealer(10);
    const soup = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.uint8Array({ maxLength: 130 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
      fc.uint8Array({ minLength: 64, maxLength: 64 }).map((bytes) => Buffer.from([4, ...bytes]).toString('base64url')),
    );
    fc.assert(
      fc.property(soup, (key) => {
        expect(isPublicKey(key)).toBe(false);
        expect(() => sealer.seal(key, aad, result)).toThrow(InvalidPublicKeyError);
        expect(sealer.size).toBe(0);
      }),
    );
  });

  it('is not what WebCrypto exports', async () => {
    expect(isPublicKey((await newClient()).publicKey)).toBe(true);
  });
});

function hex(text: string): Buffer {
  return Buffer.from(text, 'hex');
}

/** `DeriveKeyPair` of the RFC, by the independent implementation. */
async function keyPairFrom(ikm: Buffer): Promise<ECDH> {
  const { privateKey } = await suite.kem.deriveKeyPair(ikm);
  const pair = createECDH('prime256v1');
  pair.setPrivateKey(Buffer.from(await suite.kem.serializePrivateKey(privateKey)));
  return pair;
}

/** Byte strings of 0 to 255 bytes, each with its length before it, read off one stream. */
function drawnFromShake128(): () => Buffer {
  const stream = createHash('shake128', { outputLength: 1_000 * 256 }).digest();
  let at = 0;
  return () => {
    const length = stream[at]!;
    const drawn = stream.subarray(at + 1, at + 1 + length);
    at += 1 + length;
    return drawn;
  };
}

/** The same bytes with the two bits set that the last character of their base64url leaves over. */
function spelling(bytes: Buffer): string {
  const text = bytes.toString('base64url');
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const other = text.slice(0, -1) + alphabet[alphabet.indexOf(text.at(-1)!) + 1]!;
  if (!Buffer.from(other, 'base64url').equals(bytes)) throw new Error('not the same bytes');
  return other;
}
