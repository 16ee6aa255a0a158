import { CipherSuite, DhkemP256HkdfSha256, ExportOnly, HkdfSha256 } from '@hpke/core';
import { SEALING_EXPORT, SEALING_INFO } from '../../lib/protocol/channels.js';
import type { Sealed } from '../../lib/protocol/frames.js';

/** An HPKE of somebody else's making. */
export const suite = new CipherSuite({ kem: new DhkemP256HkdfSha256(), kdf: new HkdfSha256(), aead: new ExportOnly() });

/** A client that results are sealed for. */
export interface Client {
  readonly publicKey: string;
  readonly privateKey: CryptoKey;
}

export async function newClient(): Promise<Client> {
  const pair = await crypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, true, ['deriveBits']);
  const raw = await crypto.subtle.exportKey('raw', pair.publicKey);
  return { publicKey: Buffer.from(raw).toString('base64url'), privateKey: pair.privateKey };
}

/** Opens as the protocol says, with @hpke/core and WebCrypto. */
export async function open({ privateKey }: Client, { enc, iv, ct }: Sealed, additional: string): Promise<string> {
  const info = Buffer.from(SEALING_INFO);
  const recipient = await suite.createRecipientContext({ recipientKey: privateKey, enc: bytesOf(enc), info });
  const exported = await recipient.export(Buffer.from(SEALING_EXPORT.context), SEALING_EXPORT.length);
  const key = await crypto.subtle.importKey('raw', exported, 'AES-GCM', false, ['decrypt']);
  const aes = { name: 'AES-GCM', iv: bytesOf(iv), additionalData: Buffer.from(additional) };
  return Buffer.from(await crypto.subtle.decrypt(aes, key, bytesOf(ct))).toString();
}

function bytesOf(text: string): ArrayBuffer {
  return new Uint8Array(Buffer.from(text, 'base64url')).buffer;
}
