import { createCipheriv, createECDH, type ECDH } from 'node:crypto';
import { CipherSuite, DhkemP256HkdfSha256, ExportOnly, HkdfSha256 } from '@hpke/core';
import { describe, expect, it } from 'vitest';
import { fromBase64Url } from '../lib/client/base64url.codec.js';
import { ResultOpener } from '../lib/client/result.opener.js';
import { encapsulate, exporterSecret, exportSecret } from '../lib/gateway/sealing/hpke.sender.js';
import { parsePublicKey } from '../lib/gateway/sealing/public-key.js';
import { sealedFor, SEALING_EXPORT, SEALING_INFO } from '../lib/protocol/channels.js';
import type { Sealed } from '../lib/protocol/frames.js';
import { Markdown } from './support/markdown.js';

/** The test vector as PROTOCOL.md prints it. */
interface Vector {
  recipientPrivateKey: string;
  recipientPublicKey: string;
  ephemeralPrivateKey: string;
  sharedSecret: string;
  exporterSecret: string;
  exportedKey: string;
  topic: string;
  sessionId: string;
  requestId: string;
  aad: string;
  plaintext: string;
  sealed: Sealed;
}

const protocol = await Markdown.read('PROTOCOL.md');
const vector = JSON.parse(protocol.section('Test vector').code('json')[0]!) as Vector;
const { sealed } = vector;

describe('the test vector of PROTOCOL.md', () => {
  it('is what the gateway’s own code makes of its keys', () => {
    const recipient = pairOf(vector.recipientPrivateKey);
    expect(recipient.getPublicKey()).toEqual(parsePublicKey(vector.recipientPublicKey));

    const { enc, sharedSecret } = encapsulate(recipient.getPublicKey(), pairOf(vector.ephemeralPrivateKey));
    const exporter = exporterSecret(sharedSecret, Buffer.from(SEALING_INFO));
    const key = exportSecret(exporter, Buffer.from(SEALING_EXPORT.context), SEALING_EXPORT.length);
    const aad = sealedFor(vector.topic, vector.sessionId, vector.requestId);

    expect({
      sharedSecret: sharedSecret.toString('hex'),
      exporterSecret: exporter.toString('hex'),
      exportedKey: key.toString('hex'),
      aad,
      sealed: { enc: enc.toString('base64url'), iv: sealed.iv, ct: encrypt(key, aad) },
    }).toEqual({
      sharedSecret: vector.sharedSecret,
      exporterSecret: vector.exporterSecret,
      exportedKey: vector.exportedKey,
      aad: vector.aad,
      sealed,
    });
  });

  it('is opened by an independent implementation of HPKE', async () => {
    const suite = new CipherSuite({ kem: new DhkemP256HkdfSha256(), kdf: new HkdfSha256(), aead: new ExportOnly() });
    const recipient = await suite.createRecipientContext({
      recipientKey: await suite.kem.deserializePrivateKey(bytesOf(vector.recipientPrivateKey, 'hex')),
      enc: bytesOf(sealed.enc),
      info: bytesOf('kafka-socket.v1', 'utf8'), // as printed, and not as our code has it
    });
    const exported = await recipient.export(bytesOf('result', 'utf8'), 32);
    const key = await crypto.subtle.importKey('raw', exported, 'AES-GCM', false, ['decrypt']);
    const aes = { name: 'AES-GCM', iv: bytesOf(sealed.iv), additionalData: bytesOf(vector.aad, 'utf8') };

    expect(Buffer.from(exported).toString('hex')).toBe(vector.exportedKey);
    const opened = await crypto.subtle.decrypt(aes, key, bytesOf(sealed.ct));
    expect(Buffer.from(opened).toString()).toBe(vector.plaintext);
  });

  it('is opened by our own client', async () => {
    const opener = await ourOpener();
    expect(await opener.open(sealed, vector.aad)).toBe(vector.plaintext);
  });

  it('is not opened for another request', async () => {
    const opener = await ourOpener();
    const other = sealedFor(vector.topic, vector.sessionId, '7f9c24e5-1c67-4f2b-9c1d-0123456789ac');
    await expect(opener.open(sealed, other)).rejects.toThrow();
  });

  it('is the result that the document shows', () => {
    const { topic, sessionId, requestId } = vector;
    const [result] = protocol.section('Result').code('json').map(frameIn);
    expect(result).toMatchObject({ event: `socket/${topic}/${sessionId}`, data: { requestId, sealed } });
    const [accepted] = protocol.section('accepted').code('json').map(frameIn);
    expect(accepted).toMatchObject({ data: { requestId, outcome: { at: result!.data['at'], sealed } } });
  });
});

function encrypt(key: Buffer, aad: string): string {
  const cipher = createCipheriv('aes-256-gcm', key, Buffer.from(sealed.iv, 'base64url'));
  cipher.setAAD(Buffer.from(aad));
  const body = cipher.update(vector.plaintext, 'utf8');
  cipher.final();
  return Buffer.concat([body, cipher.getAuthTag()]).toString('base64url');
}

async function ourOpener(): Promise<ResultOpener> {
  const publicKey = fromBase64Url(vector.recipientPublicKey);
  const [x, y] = [publicKey.slice(1, 33), publicKey.slice(33)].map((half) => Buffer.from(half).toString('base64url'));
  const d = Buffer.from(vector.recipientPrivateKey, 'hex').toString('base64url');
  const jwk = { kty: 'EC', crv: 'P-256', d, x, y };
  const curve = { name: 'ECDH', namedCurve: 'P-256' };
  return new ResultOpener(await crypto.subtle.importKey('jwk', jwk, curve, false, ['deriveBits']), publicKey);
}

function pairOf(privateKey: string): ECDH {
  const pair = createECDH('prime256v1');
  pair.setPrivateKey(privateKey, 'hex');
  return pair;
}

function bytesOf(text: string, encoding: BufferEncoding = 'base64url'): ArrayBuffer {
  return new Uint8Array(Buffer.from(text, encoding)).buffer;
}

function frameIn(text: string): { event: string; data: Record<string, unknown> } {
  return JSON.parse(text) as { event: string; data: Record<string, unknown> };
}
