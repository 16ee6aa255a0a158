import { createECDH, randomUUID } from 'node:crypto';
import { CipherSuite, DhkemP256HkdfSha256, ExportOnly, HkdfSha256 } from '@hpke/core';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { fromBase64Url, toBase64Url } from '../lib/client/base64url.codec.js';
import { CredentialsSource } from '../lib/client/client.credentials.js';
import { KafkaSocketClient } from '../lib/client/kafka-socket.client.js';
import { SEALING_EXPORT, SEALING_INFO } from '../lib/protocol/channels.js';
import type { Sealed } from '../lib/protocol/frames.js';
import { failureOf, ScriptedGateway, startLiveClient } from './support/scripted.gateway.js';

const suite = new CipherSuite({ kem: new DhkemP256HkdfSha256(), kdf: new HkdfSha256(), aead: new ExportOnly() });

describe('a sealed result', () => {
  it('that an independent implementation of HPKE sealed is opened', async () => {
    const { publicKey, opener } = await new CredentialsSource(undefined).get();
    const sealed = await sealedElsewhere(publicKey, 'a result, Größe £', 'the channel');

    expect(await opener.open(sealed, 'the channel')).toBe('a result, Größe £');
    await expect(opener.open(sealed, 'another channel')).rejects.toThrow();
  });

  it('is opened also after one under the same key was not', async () => {
    const { publicKey, opener } = await new CredentialsSource(undefined).get();
    const sealed = await sealedElsewhere(publicKey, 'x', 'aad');
    await expect(opener.open({ ...sealed, enc: toBase64Url(new Uint8Array(65)) }, 'aad')).rejects.toThrow();
    await expect(opener.open({ ...sealed, iv: toBase64Url(new Uint8Array(12)) }, 'aad')).rejects.toThrow();

    expect(await opener.open(sealed, 'aad')).toBe('x');
  });

  it('is opened when the cryptography failed for the one before it', async () => {
    const { publicKey, opener } = await new CredentialsSource(undefined).get();
    const sealed = await sealedElsewhere(publicKey, 'x', 'aad');
    const deriveBits = vi.spyOn(crypto.subtle, 'deriveBits').mockRejectedValueOnce(new Error('out of memory'));
    onTestFinished(() => deriveBits.mockRestore());
    await expect(opener.open(sealed, 'aad')).rejects.toThrow('out of memory');

    expect(await opener.open(sealed, 'aad')).toBe('x');
  });

  it('of more gateways than keys are kept for is opened', async () => {
    const { publicKey, opener } = await new CredentialsSource(undefined).get();
    const sealed = await Promise.all(Array.from({ length: 20 }, (_, i) => sealedElsewhere(publicKey, `${i}`, 'aad')));
    for (const turn of [0, 1]) {
      for (const [i, one] of sealed.entries()) expect(await opener.open(one, 'aad'), `turn ${turn}`).toBe(`${i}`);
    }
  });

  it.each([
    ['for another request', (seal: Seal) => seal(randomUUID(), ['auction', 0, '10'])],
    ['for another topic', (seal: Seal, id: string) => seal(id, ['billing', 0, '10'])],
    ['with a bit turned over', (seal: Seal, id: string) => turned(seal(id, ['auction', 0, '10']))],
    ['that is no base64url', (seal: Seal, id: string) => ({ ...seal(id, ['auction', 0, '10']), ct: '~~~' })],
    [
      'under a point off the curve',
      (seal: Seal, id: string) => ({ ...seal(id, ['auction', 0, '10']), enc: offTheCurve() }),
    ],
  ])('%s ends its request as unknown, and is reported', async (_, sealedBy) => {
    const { client, socket, errors } = await startLiveClient();
    const failure = failureOf(client.send('auction', 'PlaceBid', {}));
    const { requestId } = await socket.next('request');
    socket.sendResult(
      requestId,
      ['auction', 0, '10'],
      sealedBy((id, at) => socket.seal(id, at, { status: 'success' }), requestId),
    );

    expect(await failure).toMatchObject({ status: 'unknown', code: 'result_unreadable', requestId });
    expect(errors).toMatchObject([{ code: 'result_unreadable' }]);
  });

  it.each(['no JSON {"secret"', '"text"', 'null', '{"status":"fine"}'])(
    'that holds %s ends its request as unknown',
    async (content) => {
      const { client, socket, errors } = await startLiveClient();
      const failure = failureOf(client.send('auction', 'PlaceBid', {}));
      const request = await socket.next('request');
      socket.result(request, ['auction', 0, '10'], content);

      expect(await failure).toMatchObject({ status: 'unknown', code: 'result_unreadable' });
      expect(errors[0]!.message).not.toContain('secret');
    },
  );

  it('that does not open is done with, and those behind it are not held up', async () => {
    const { client, socket } = await startLiveClient();
    const first = failureOf(client.send('auction', 'First', {}));
    const second = client.send('auction', 'Second', {});
    const [one, two] = [await socket.next('request'), await socket.next('request')];
    socket.sendResult(one.requestId, ['auction', 0, '10'], { enc: 'AA', iv: 'AA', ct: 'AA' });
    socket.result(two, ['auction', 0, '11'], { status: 'success', value: 2 });

    expect(await second).toBe(2);
    expect(await first).toMatchObject({ code: 'result_unreadable' });
  });

  it('is settled in its turn, however long the one before it takes to open', async () => {
    const { client, socket } = await startLiveClient();
    const order: string[] = [];
    const large = client.send('auction', 'Large', {}).then(() => order.push('large'));
    const small = client.send('auction', 'Small', {}).then(() => order.push('small'));
    const [one, two] = [await socket.next('request'), await socket.next('request')];
    socket.result(one, ['auction', 0, '10'], { status: 'success', value: 'x'.repeat(4_000_000) });
    socket.result(two, ['auction', 0, '11'], { status: 'success' });
    await Promise.all([large, small]);

    expect(order).toEqual(['large', 'small']);
  });
});

describe('a frame that is not as the protocol says', () => {
  it.each([
    'no JSON with a secret',
    '1',
    'null',
    '{"data":{}}',
    '{"event":"ping"}',
    '{"event":"accepted"}',
    '{"event":"ping","data":{"positions":{"auction":{"0":"x"}}}}',
    '{"event":"socket/auction/broadcast","data":{}}',
    '{"event":"socket/auction/broadcast","data":{"at":["billing",0,"10"],"type":"Bid.Created"}}',
    '{"event":"socket/auction/another-session","data":{"at":["auction",0,"10"]}}',
  ])('is reported and left out: %s', async (frame) => {
    const { client, socket, errors } = await startLiveClient();
    socket.sendRaw(frame);
    await socket.seen();

    expect(errors).toMatchObject([{ code: 'frame_malformed' }]);
    expect(errors[0]!.message).not.toContain('secret');
    expect(client.state).toBe('live');
  });

  it('is reported where it is binary', async () => {
    const { socket, errors } = await startLiveClient();
    socket.sendRaw(Buffer.from('{"event":"ping","data":{}}'));
    await socket.seen();

    expect(errors).toMatchObject([{ code: 'frame_malformed' }]);
  });

  it('goes to the console where nobody listens to errors', async () => {
    const gateway = await ScriptedGateway.start();
    const client = new KafkaSocketClient(gateway.url, { WebSocket });
    onTestFinished(() => client.close());
    const logged = vi.spyOn(console, 'error').mockReturnValue();
    onTestFinished(() => logged.mockRestore());
    const socket = await gateway.next();
    socket.sendRaw('{}');
    await socket.seen();

    expect(logged).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'frame_malformed' }));
  });

  it('of a later version of the protocol is passed by', async () => {
    const { socket, errors } = await startLiveClient();
    socket.sendRaw('{"event":"weather","data":{}}');
    socket.sendRaw('{"event":"constructor","data":{}}');
    await socket.seen();

    expect(errors).toEqual([]);
  });
});

describe('base64url', () => {
  it('is read and written as Node does', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = Buffer.from(bytes).toString('base64url');
        expect(toBase64Url(bytes)).toBe(text);
        expect([...fromBase64Url(text)]).toEqual([...bytes]);
      }),
    );
  });
});

type Seal = (requestId: string, at: [string, number, string]) => Sealed;

/** Seals as the protocol says, with @hpke/core and WebCrypto. */
async function sealedElsewhere(publicKey: string, text: string, aad: string): Promise<Sealed> {
  const recipientPublicKey = await suite.kem.deserializePublicKey(fromBase64Url(publicKey).buffer);
  const sender = await suite.createSenderContext({ recipientPublicKey, info: Buffer.from(SEALING_INFO) });
  const exported = await sender.export(Buffer.from(SEALING_EXPORT.context), SEALING_EXPORT.length);
  const key = await crypto.subtle.importKey('raw', exported, 'AES-GCM', false, ['encrypt']);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const ct = await crypto.subtle.encrypt(
    { name: 'AES-GCM', iv, additionalData: Buffer.from(aad) },
    key,
    Buffer.from(text),
  );
  return { enc: toBase64Url(new Uint8Array(sender.enc)), iv: toBase64Url(iv), ct: toBase64Url(new Uint8Array(ct)) };
}

function turned(sealed: Sealed): Sealed {
  const bytes = fromBase64Url(sealed.ct);
  bytes[0]! ^= 1;
  return { ...sealed, ct: toBase64Url(bytes) };
}

function offTheCurve(): string {
  const pair = createECDH('prime256v1');
  const point = pair.generateKeys();
  point[64]! ^= 1;
  return point.toString('base64url');
}
