import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import type { WelcomePeer } from '../gateway.js';
import { TOPIC } from '../peer.js';
import { rule } from '../rule.js';

/** The longest that a heartbeat is waited for, in milliseconds. */
const LONGEST = 45_000;
/** What a ping may come late on a machine that is busy. */
const SLACK = 5_000;

describe('heartbeats', () => {
  rule(
    '[heartbeat.1] [position.2] a ping comes every interval, with positions that can be sent back',
    async ({ gateway, skip }) => {
      const peer = await gateway.welcome({ channels: [TOPIC] });
      const { interval } = heartbeatOf(peer);
      skip(interval > LONGEST, tooLong(interval));
      const begun = performance.now();
      const { positions } = (await peer.next('ping', interval + SLACK)).data;
      expect(performance.now() - begun).toBeGreaterThan(interval * 0.8);
      expect(Object.keys(positions[TOPIC])).toEqual(Object.keys(peer.welcomed.positions[TOPIC]));
      await peer.cut();

      const lot = gateway.freshLot();
      const bidder = await gateway.welcome({ channels: [TOPIC] });
      await bidder.perform('PlaceBid', { lot, amount: 1 });
      await bidder.event('Bid.Created', lot);
      const back = await gateway.welcome({ channels: [TOPIC], positions, epoch: peer.welcomed.epoch }, peer);
      expect((await back.next('recovered')).data).toMatchObject({ complete: true });
      expect(back.unread.filter(({ data }) => data.key === `lot-${lot}`)).toHaveLength(1);
    },
  );

  rule('[heartbeat.2] a client that answers with nothing is closed with 4012', async ({ gateway, skip }) => {
    const peer = await gateway.welcome({}, { answersPings: false });
    const { interval, timeout } = heartbeatOf(peer);
    skip(interval + timeout > LONGEST, tooLong(interval + timeout));
    expect(await peer.closeCode(interval + timeout + SLACK)).toBe(4012);
  });

  rule('[heartbeat.3] any frame says that a client is there', async ({ gateway, skip }) => {
    const peer = await gateway.welcome({}, { answersPings: false });
    const { interval, timeout } = heartbeatOf(peer);
    skip(interval + timeout > LONGEST, tooLong(interval + timeout));
    await peer.next('ping', interval + SLACK);
    await peer.caughtUp();
    await pause(timeout + 500); // a mark has to be left by time here: what must not happen has no frame
    await peer.caughtUp();
  });
});

function heartbeatOf(peer: WelcomePeer): { interval: number; timeout: number } {
  return peer.welcomed.heartbeat as { interval: number; timeout: number };
}

function tooLong(milliseconds: number): string {
  return `its heart beats every ${milliseconds} ms, and no more than ${LONGEST} are waited for`;
}
