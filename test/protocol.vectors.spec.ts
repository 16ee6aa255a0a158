import { createCipheriv, createECDH, type ECDH } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { keysOf, openResult } from '../conformance/identity.js';
import { type PositionVector, readVectors, type SealingVector, type SetupVector } from '../conformance/vectors.js';
import { fromBase64Url } from '../lib/client/base64url.codec.js';
import { ResultOpener } from '../lib/client/result.opener.js';
import { encapsulate, exporterSecret, exportSecret } from '../lib/gateway/sealing/hpke.sender.js';
import { parsePublicKey } from '../lib/gateway/sealing/public-key.js';
import { ResultSealer } from '../lib/gateway/sealing/result.sealer.js';
import { sealedFor, SEALING_EXPORT, SEALING_INFO, SUBPROTOCOL } from '../lib/protocol/channels.js';
import type { At, GatewayFrames } from '../lib/protocol/frames.js';
import { Markdown } from './support/markdown.js';
import { ScriptedGateway, type ScriptedSocket, startClient, waiting } from './support/scripted.gateway.js';

const vectors = await readVectors();
const { setups, opened, refused } = vectors.sealing;
const protocol = await Markdown.read('PROTOCOL.md');
const setupOf = ({ setup }: SealingVector): SetupVector => setups[setup]!;

describe('the test vectors', () => {
  it('are those of our version, and of our labels', () => {
    expect(vectors).toMatchObject({
      protocol: SUBPROTOCOL,
      sealing: { info: SEALING_INFO, exporterContext: SEALING_EXPORT.context },
    });
  });

  it('have names that are told apart', () => {
    const { hello, later } = vectors.frames;
    const rooms: readonly { readonly name: string }[][] = [
      [...hello.taken, ...hello.refused],
      [...later.taken, ...later.refused],
      [...vectors.positions],
      [...opened, ...refused],
    ];
    for (const room of rooms) expect(new Set(room.map(({ name }) => name)).size).toBe(room.length);
  });

  it('are about rules that PROTOCOL.md has', () => {
    const { hello, later } = vectors.frames;
    const named = [...hello.refused, ...later.refused].map(({ rule }) => rule);
    const rules = new Set([...named, ...vectors.positions.flatMap((life) => life.rules)]);
    expect([...rules].filter((rule) => !protocol.text.includes(`**[${rule}]**`))).toEqual([]);
  });

  it('begin with what PROTOCOL.md shows', () => {
    const shown = JSON.parse(protocol.section('A sealed result, step by step').code('json')[0]!) as object;
    const { name: _, enc, dh: __, ...setup } = setups[0]!;
    const { name: ___, setup: ____, ...result } = opened[0]!;
    expect(shown).toEqual({ ...setup, ...result });
    expect(enc).toBe(result.sealed.enc);
    const { topic, sessionId, requestId, sealed } = result;
    const [frame] = protocol.section('Result').code('json').map(frameIn);
    expect(frame).toMatchObject({ event: `socket/${topic}/${sessionId}`, data: { requestId, sealed } });
    const [accepted] = protocol.section('accepted').code('json').map(frameIn);
    expect(accepted).toMatchObject({ data: { requestId, outcome: { at: frame!.data['at'], sealed } } });
  });
});

describe.each(setups)('the set-up of $name', (setup) => {
  it('is what the gateway’s own code makes of its keys', () => {
    const recipient = pairOf(setup.recipientPrivateKey);
    const ephemeral = pairOf(setup.ephemeralPrivateKey);
    expect(recipient.getPublicKey()).toEqual(parsePublicKey(setup.recipientPublicKey));

    const { enc, sharedSecret } = encapsulate(recipient.getPublicKey(), ephemeral);
    const exporter = exporterSecret(sharedSecret, Buffer.from(SEALING_INFO));
    const key = exportSecret(exporter, Buffer.from(SEALING_EXPORT.context), SEALING_EXPORT.length);

    expect(setup).toMatchObject({
      enc: enc.toString('base64url'),
      dh: ephemeral.computeSecret(recipient.getPublicKey()).toString('hex'),
      sharedSecret: sharedSecret.toString('hex'),
      exporterSecret: exporter.toString('hex'),
      exportedKey: key.toString('hex'),
    });
  });
});

describe('a result of the vectors', () => {
  it.each(opened)('is what the gateway binds and AES makes: $name', (vector) => {
    const { topic, sessionId, requestId, aad, plaintext, sealed } = vector;
    expect(sealedFor(topic, sessionId, requestId)).toBe(aad);
    expect(encrypt(setupOf(vector).exportedKey, sealed.iv, aad, plaintext)).toBe(sealed.ct);
  });

  it.each(opened)('is opened by an independent implementation of HPKE: $name', async (vector) => {
    const identity = { sessionId: vector.sessionId, keys: await keysIn(vector) };
    expect(await openResult(identity, vector.topic, vector.requestId, vector.sealed)).toBe(vector.plaintext);
  });

  it.each(opened)('is opened by our own client: $name', async (vector) => {
    expect(await (await openerOf(vector)).open(vector.sealed, vector.aad)).toBe(vector.plaintext);
  });

  it.each(opened)('is opened by both when our own gateway seals it: $name', async (vector) => {
    const { topic, sessionId, requestId, aad, plaintext } = vector;
    const sealed = new ResultSealer(1).seal(setupOf(vector).recipientPublicKey, aad, plaintext);
    expect(await (await openerOf(vector)).open(sealed, aad)).toBe(plaintext);
    expect(await openResult({ sessionId, keys: await keysIn(vector) }, topic, requestId, sealed)).toBe(plaintext);
  });

  it.each(refused)('is opened by nobody: $name', async (vector) => {
    const { topic, sessionId, requestId, sealed } = vector;
    await expect((await openerOf(vector)).open(sealed, sealedFor(topic, sessionId, requestId))).rejects.toThrow();
    await expect(openResult({ sessionId, keys: await keysIn(vector) }, topic, requestId, sealed)).rejects.toThrow();
  });
});

describe('our client, living the lives of the vectors', () => {
  it.each(vectors.positions)('$name', async (life) => {
    const { steps, delivered, recovered } = life;
    const { hellos, heard, told } = await live(life);
    expect(hellos).toEqual(steps.flatMap((step) => ('hello' in step ? [step.hello] : [])));
    expect(heard).toEqual(delivered);
    expect(told).toEqual(recovered);
  });
});

/** Does to a client what the steps say. */
async function live({ steps, delivered }: PositionVector): Promise<{ hellos: object[]; heard: At[]; told: object[] }> {
  const gateway = await ScriptedGateway.start();
  const { sessionId } = opened[0]!;
  const { client, clock } = startClient(gateway, { identity: { sessionId, keyPair: await keysIn(opened[0]!) } });
  const [hellos, heard, told]: [object[], At[], object[]] = [[], [], []];
  client.on('auction', (_, { at }) => heard.push(at));
  client.onRecovered(({ topic, complete, reason }) => told.push({ topic, complete, ...(reason && { reason }) }));
  client.onLate(({ at }) => heard.push(at)); // nobody waits for these results
  let socket: ScriptedSocket | undefined;
  for (const step of steps) {
    if ('receive' in step) receive(socket!, step.receive);
    else {
      if (socket) await cut(socket);
      socket = await gateway.next();
      const { positions, epoch } = socket.hello;
      hellos.push({ ...(positions && { positions }), ...(epoch && { epoch }) });
    }
  }
  await vi.waitUntil(() => heard.length >= delivered.length);
  return { hellos, heard, told };

  async function cut(now: ScriptedSocket): Promise<void> {
    await now.seen();
    const pause = waiting(client);
    now.cut();
    clock.advance(await pause);
  }
}

/** Pings are counted where they are sent. */
function receive(socket: ScriptedSocket, { event, data }: { event: string; data: object }): void {
  if (event === 'ping') socket.send('ping', data as GatewayFrames['ping']);
  else socket.sendRaw(JSON.stringify({ event, data }));
}

function encrypt(key: string, iv: string, aad: string, plaintext: string): string {
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(key, 'hex'), Buffer.from(iv, 'base64url'));
  cipher.setAAD(Buffer.from(aad));
  const body = cipher.update(plaintext, 'utf8');
  cipher.final();
  return Buffer.concat([body, cipher.getAuthTag()]).toString('base64url');
}

function keysIn(vector: SealingVector): Promise<CryptoKeyPair> {
  const { recipientPrivateKey, recipientPublicKey } = setupOf(vector);
  return keysOf(recipientPrivateKey, recipientPublicKey);
}

async function openerOf(vector: SealingVector): Promise<ResultOpener> {
  const { privateKey } = await keysIn(vector);
  return new ResultOpener(privateKey, fromBase64Url(setupOf(vector).recipientPublicKey));
}

function pairOf(privateKey: string): ECDH {
  const pair = createECDH('prime256v1');
  pair.setPrivateKey(privateKey, 'hex');
  return pair;
}

function frameIn(text: string): { event: string; data: Record<string, unknown> } {
  return JSON.parse(text) as { event: string; data: Record<string, unknown> };
}
