import { describe, expect } from 'vitest';
import type { Peer } from '../peer.js';
import { rule } from '../rule.js';

/** Rates, in frames a second, above which a test would be a load test. */
const GENTLE = 2_000;
/** Frames, in bytes, that are sent to find out where the limit is. */
const SMALL = 4 * 1024 * 1024;

describe('limits', () => {
  rule('[limit.1] a frame as large as the limit is taken', async ({ gateway, skip }) => {
    const peer = await gateway.welcome();
    const { payload } = peer.welcomed.limits;
    skip(payload > SMALL, `frames of up to ${payload} bytes are too many bytes for a test`);
    peer.sendText(frameOf(payload as number));
    await peer.answer('largest');
  });

  rule('[limit.1] a larger one ends the connection with 1009', async ({ gateway, skip }) => {
    const peer = await gateway.welcome();
    const { payload } = peer.welcomed.limits;
    skip(payload > SMALL, `frames of up to ${payload} bytes are too many bytes for a test`);
    peer.sendText(frameOf((payload as number) + 1));
    expect(await peer.closeCode()).toBe(1009);
  });

  rule('[limit.1] it counts bytes of UTF-8, not characters', async ({ gateway, skip }) => {
    const peer = await gateway.welcome();
    const { payload } = peer.welcomed.limits;
    skip(payload > SMALL, `frames of up to ${payload} bytes are too many bytes for a test`);
    peer.sendText(frameOf(Math.floor((payload as number) * 0.6), 'ü'));
    expect(await peer.closeCode()).toBe(1009);
  });

  rule('[limit.2] frames above the rate are told so one by one, and taken again later', async ({ gateway, skip }) => {
    const peer = await gateway.welcome();
    const { rate } = peer.welcomed.limits;
    skip(rate > GENTLE, `more than ${rate} frames a second would be load`);
    const frames = await burst(peer, 2 * (rate as number) + 60);
    const refused = frames.filter(({ data }) => data.code === 'rate');
    expect(refused.length).toBeGreaterThan(0);
    expect(frames.length - refused.length).toBeGreaterThanOrEqual(2 * rate - 2);
    for (const { data } of refused) expect(data).toMatchObject({ temporary: true, requestId: expect.any(String) });
    // One more is let in soon, at the rate that the welcome names.
    for (let i = 0; ; i++) {
      peer.send('unsubscribe', { channels: [] }, `later-${i}`);
      if ((await peer.answer(`later-${i}`)).event === 'unsubscribed') break;
      await new Promise((resolve) => setTimeout(resolve, 1_000 / rate));
    }
  });

  rule('[limit.3] who goes on for long is closed with 4013', async ({ gateway, skip }) => {
    const peer = await gateway.welcome();
    const { rate } = peer.welcomed.limits;
    skip(rate > GENTLE, `more than ${rate} frames a second would be load`);
    for (let i = 0; peer.isOpen && i < 100; i++) {
      for (let j = 0; j < 2 * rate + 200; j++) peer.send('pong', {});
      await new Promise(setImmediate);
    }
    expect(await peer.closeCode()).toBe(4013);
  });

  rule('[limit.4] no more than 1024 channels or types are named in one frame', async ({ gateway }) => {
    const peer = await gateway.welcome();
    const names = Array.from({ length: 1_025 }, (_, i) => `t${i}`);
    peer.send('unsubscribe', { channels: names }, 'channels');
    expect(await peer.answer('channels')).toMatchObject({ event: 'error', data: { code: 'bad_frame' } });
    peer.send('unsubscribe', { channels: ['auction'], types: names.map((name) => `${name}.x`) }, 'types');
    expect(await peer.answer('types')).toMatchObject({ event: 'error', data: { code: 'bad_frame' } });
    peer.send('unsubscribe', { channels: names.slice(1) }, 'fewer');
    expect(await peer.answer('fewer')).toMatchObject({ event: 'unsubscribed' });
  });

  rule('[limit.8] a frame that comes in many fragments ends the connection with 1008', async ({ gateway }) => {
    const peer = await gateway.welcome();
    peer.sendFragments('{"event":"pong","data":{}}', 2_000);
    expect(await peer.closeCode()).toBe(1008);
  });

  rule('[limit.8] one that comes in a few is taken', async ({ gateway }) => {
    const peer = await gateway.welcome();
    peer.sendFragments('{"event":"unsubscribe","id":"pieces","data":{"channels":[]}}', 20);
    expect(await peer.answer('pieces')).toMatchObject({ event: 'unsubscribed' });
  });
});

/** A frame that takes so many characters, filled up by one. */
function frameOf(length: number, filler = 'x'): string {
  const frame = (text: string): string =>
    JSON.stringify({ event: 'unsubscribe', id: 'largest', data: { channels: [], text } });
  return frame(filler.repeat(length - frame('').length));
}

/** Sends many frames at once and waits for all answers. */
async function burst(peer: Peer, count: number): Promise<Peer['unread']> {
  for (let i = 0; i < count; i++) peer.send('cancel', { requestId: crypto.randomUUID() }, `burst-${i}`);
  return Promise.all(Array.from({ length: count }, (_, i) => peer.answer(`burst-${i}`)));
}
