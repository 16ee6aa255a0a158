import { describe, expect } from 'vitest';
import type { Gateway } from '../gateway.js';
import { newIdentity } from '../identity.js';
import type { Peer } from '../peer.js';
import { rule } from '../rule.js';
import { type FrameVector, readVectors } from '../vectors.js';

const vectors = await readVectors();
const { later } = vectors.frames;
/** The session that the vectors speak of. */
const SESSION = 'Zk3vQ1h8R2mT7yXc0bNwLg';

describe('frames', () => {
  for (const { name, rule: broken, frame, error } of later.refused) {
    rule(`[${broken}] refused: ${name}`, async ({ gateway }) => {
      const peer = await vectorPeer(gateway);
      peer.sendText(frame);
      await expectRefusal(peer, error);
      await peer.caughtUp(); // and the socket goes on
    });
  }

  for (const { name, frame, answer } of later.taken) {
    rule(`[frame.2] [frame.9] taken: ${name}`, async ({ gateway }) => {
      const peer = await vectorPeer(gateway);
      peer.sendText(frame);
      if (answer) expect(await peer.next(answer.event)).toMatchObject(answer);
      await peer.caughtUp();
      expect(peer.unread.filter(({ event }) => event === 'error')).toEqual([]);
    });
  }

  rule(
    '[frame.1] [error.1] every message is {event, data} with the members that it has to have',
    async ({ gateway }) => {
      const peer = await gateway.welcome({ channels: ['auction'], positions: { 'no-such-topic': {} } });
      const lot = gateway.freshLot();
      await peer.perform('PlaceBid', { lot, amount: 1 });
      await peer.perform('SetReserve', { lot, amount: 1 });
      await peer.event('Bid.Created', lot);
      await peer.event('Reserve.Changed', lot);
      peer.send('subscribe', { channels: ['auction'], types: ['Bid.Created'] }, 's');
      await peer.answer('s');
      peer.send('cancel', { requestId: crypto.randomUUID() }, 'c');
      await peer.answer('c');
      await peer.caughtUp();
      await peer.next('accepted');
      await peer.next('recovered');
      // What each of them has to have, the watch knows, here and in every other test.
    },
  );

  rule('[frame.2] an answer carries an id only where the frame had one', async ({ gateway }) => {
    const peer = await gateway.welcome();
    peer.send('subscribe', { channels: ['auction'] });
    expect(await peer.next('subscribed')).not.toHaveProperty('id');
    const requestId = peer.request('Work', { ms: 0 });
    expect(await peer.answerTo(requestId)).not.toHaveProperty('id');
  });

  rule('[frame.4] a binary frame is a bad one', async ({ gateway }) => {
    const peer = await gateway.welcome();
    peer.sendBytes(Buffer.from('{"event":"pong","data":{}}'), true);
    expect((await peer.next('error')).data).toMatchObject({ code: 'bad_frame' });
    await peer.caughtUp();
  });

  rule('[frame.4] a payload that is nested more deeply than it can be written is a bad one', async ({ gateway }) => {
    const peer = await gateway.welcome();
    const depth = Math.min(30_000, Math.floor(peer.welcomed.limits.payload / 2) - 500);
    const requestId = crypto.randomUUID();
    const payload = '['.repeat(depth) + ']'.repeat(depth);
    peer.sendText(
      `{"event":"request","data":{"requestId":"${requestId}","topic":"auction","command":"Work","ttl":1000,"payload":${payload}}}`,
    );
    const { event, data } = await peer.answerTo(requestId);
    expect(event === 'accepted' || data.code === 'bad_frame').toBe(true); // whichever: it is answered, and the socket goes on
    await peer.caughtUp();
  });

  rule(
    '[frame.5] ten bad frames in a row are told one by one, then the socket is closed with 4501',
    async ({ gateway }) => {
      const peer = await gateway.welcome();
      for (let i = 0; i < 20; i++) peer.send('dance', {}, `bad-${i}`);
      expect(await peer.closeCode()).toBe(4501);
      expect(peer.unread.map(({ id, data }) => [id, data.code])).toEqual(
        Array.from({ length: 10 }, (_, i) => [`bad-${i}`, 'bad_frame']),
      );
    },
  );

  rule('[frame.5] a frame that is taken ends the row', async ({ gateway }) => {
    const peer = await gateway.welcome();
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 9; i++) peer.send('dance', {});
      await peer.caughtUp();
    }
    expect(peer.unread.filter(({ event }) => event === 'error')).toHaveLength(18);
  });

  rule('[frame.6] text that is not UTF-8 ends the connection with 1007', async ({ gateway }) => {
    const peer = await gateway.welcome();
    peer.sendBytes(Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), false);
    expect(await peer.closeCode()).toBe(1007);
  });

  rule('[frame.7] frames are handled one after the other, in their order', async ({ gateway }) => {
    const peer = await gateway.welcome();
    const ids = Array.from({ length: 20 }, (_, i) => `${i}`);
    for (const id of ids) {
      if (Number(id) % 3 === 0) peer.send('subscribe', { channels: ['auction'], types: ['None.Such'] }, id);
      else if (Number(id) % 3 === 1) peer.send('cancel', { requestId: crypto.randomUUID() }, id);
      else peer.send('unsubscribe', { channels: ['auction'] }, id);
    }
    await peer.next(({ id }) => id === ids.at(-1));
    expect(peer.unread.map(({ id }) => id)).toEqual(ids.slice(0, -1));
  });

  rule('[frame.8] what lies behind a frame that closed the socket is not looked at', async ({ gateway }) => {
    const lot = gateway.freshLot();
    const listener = await gateway.welcome({ channels: ['auction'] });
    const peer = await gateway.connect();
    peer.send('hello', { sessionId: 'bad' });
    peer.hello(gateway.withToken());
    peer.request('PlaceBid', { lot, amount: 1 }, { key: `lot-${lot}` });
    expect(await peer.closeCode()).toBe(4501);

    await listener.perform('PlaceBid', { lot, amount: 2 }, { key: `lot-${lot}` });
    expect((await listener.event('Bid.Created', lot)).data.data).toMatchObject({ amount: 2 });
  });
});

describe('hello', () => {
  const { taken, refused } = vectors.frames.hello;

  for (const { name, rule: broken, frame, error, close } of refused) {
    rule(`[${broken}] refused: ${name}`, async ({ gateway }) => {
      const peer = await gateway.connect({ identity: await newIdentity(SESSION) });
      peer.sendText(frame);
      await expectRefusal(peer, error);
      expect(await peer.closeCode()).toBe(close);
    });
  }

  for (const { name, frame, answer } of taken) {
    rule(`[hello.1] taken: ${name}`, async ({ gateway }) => {
      const { event, data, id } = JSON.parse(frame) as { event: string; data: Record<string, unknown>; id?: string };
      const { sessionId } = data;
      const peer = await gateway.connect({ identity: await newIdentity(sessionId as string) });
      const token = gateway.target.token ?? data['token'];
      peer.send(event, { ...data, ...(token !== undefined && { token }) }, id);
      expect(await peer.next(answer!.event)).toMatchObject({ ...answer, data: { sessionId } });
    });
  }
});

/** A socket of the session that the vectors speak of, under a key of its own: so their requestIds are new ones each time. */
async function vectorPeer(gateway: Gateway): Promise<Peer> {
  return gateway.welcome({}, { identity: await newIdentity(SESSION) });
}

async function expectRefusal(peer: Peer, { code, id, requestId }: NonNullable<FrameVector['error']>): Promise<void> {
  const frame = await peer.next('error');
  expect(frame.data).toMatchObject({ code, ...(requestId && { requestId }) });
  expect(frame.id).toBe(id);
  if (!requestId) expect(frame.data).not.toHaveProperty('requestId');
}
