import { randomBytes } from 'node:crypto';
import { CipherSuite, DhkemP256HkdfSha256, ExportOnly, HkdfSha256 } from '@hpke/core';

/** Who a client is: may be used by several sockets. */
export interface Identity {
  readonly sessionId: string;
  readonly keys: CryptoKeyPair;
  /** Raw point, base64url. */
  readonly publicKey: string;
}

/** What a result carries in the place of its outcome. */
export interface SealedResult {
  readonly enc: string;
  readonly iv: string;
  readonly ct: string;
}

// An HPKE of somebody else's making, so that both sides of the sealing are not wrong together.
const suite = new CipherSuite({ kem: new DhkemP256HkdfSha256(), kdf: new HkdfSha256(), aead: new ExportOnly() });

/** A session and a key pair of its own. */
export async function newIdentity(sessionId = randomBytes(16).toString('base64url')): Promise<Identity> {
  const keys = await suite.kem.generateKeyPair();
  const publicKey = Buffer.from(await suite.kem.serializePublicKey(keys.publicKey)).toString('base64url');
  return { sessionId, keys, publicKey };
}

/** The same session under another key. */
export function otherKey({ sessionId }: Identity): Promise<Identity> {
  return newIdentity(sessionId);
}

/** Opens a sealed result; rejects where it was not sealed for this key, topic, session and request. */
export async function openResult(
  { sessionId, keys }: Pick<Identity, 'sessionId' | 'keys'>,
  topic: string,
  requestId: string,
  { enc, iv, ct }: SealedResult,
): Promise<string> {
  const recipient = await suite.createRecipientContext({
    recipientKey: keys.privateKey,
    enc: bytes(enc),
    info: utf8('kafka-socket.v1'),
  });
  const exported = await recipient.export(utf8('result'), 32);
  const key = await crypto.subtle.importKey('raw', exported, 'AES-GCM', false, ['decrypt']);
  const additionalData = utf8(`socket/${topic}/${sessionId}\n${requestId}`);
  const plain = await crypto.subtle.decrypt({ name: 'AES-GCM', iv: bytes(iv), additionalData }, key, bytes(ct));
  return new TextDecoder('utf-8', { fatal: true }).decode(plain);
}

/** The private half of a key pair that is written down in hexadecimal, as RFC 9180 does. */
export async function keysOf(privateKey: string, publicKey: string): Promise<CryptoKeyPair> {
  return {
    privateKey: await suite.kem.deserializePrivateKey(Uint8Array.from(Buffer.from(privateKey, 'hex')).buffer),
    publicKey: await suite.kem.deserializePublicKey(bytes(publicKey)),
  };
}

function utf8(text: string): ArrayBuffer {
  return new TextEncoder().encode(text).buffer;
}

function bytes(text: string): ArrayBuffer {
  return Uint8Array.from(Buffer.from(text, 'base64url')).buffer;
}
