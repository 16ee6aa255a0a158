import { describe, expect } from 'vitest';
import { newIdentity, openResult, otherKey } from '../identity.js';
import { TOPIC } from '../peer.js';
import { rule } from '../rule.js';

describe('sealing', () => {
  rule('[sealing.1] a result opens by an HPKE of another make', async ({ gateway }) => {
    const peer = await gateway.welcome();
    expect(await peer.perform('Work', { ms: 0, value: 7 })).toEqual({ status: 'success', value: { value: 7 } });
  });

  rule('[sealing.1] nor for another key, topic, session or request', async ({ gateway }) => {
    const peer = await gateway.welcome();
    const requestId = peer.request('Work', { ms: 0 });
    const { sealed } = await peer.result(requestId);
    const { sessionId, keys } = peer.identity;
    const [other, stolen] = [await newIdentity(), await otherKey(peer.identity)];
    const wrong: [string, () => Promise<unknown>][] = [
      ['key', () => openResult(stolen, TOPIC, requestId, sealed)],
      ['topic', () => openResult(peer.identity, 'auctions', requestId, sealed)],
      ['session', () => openResult({ sessionId: other.sessionId, keys }, TOPIC, requestId, sealed)],
      ['request', () => openResult(peer.identity, TOPIC, crypto.randomUUID(), sealed)],
    ];
    for (const [what, open] of wrong) await expect(open(), `another ${what}`).rejects.toThrow();
    await expect(openResult({ sessionId, keys }, TOPIC, requestId, sealed)).resolves.toContain('success');
  });

  rule('[sealing.2] no nonce comes twice under one enc', async ({ gateway }) => {
    const peer = await gateway.welcome();
    const twin = await gateway.welcome({}, { identity: peer.identity });
    const sealed: { enc: string; iv: string }[] = [];
    for (let i = 0; i < 20; i++) {
      const requestId = peer.request('Work', { ms: 0 });
      sealed.push((await peer.result(requestId)).sealed, (await twin.result(requestId)).sealed);
      peer.request('Work', { ms: 0 }, { requestId });
      await peer.answerTo(requestId);
      sealed.push((await peer.answerTo(requestId)).data.outcome.sealed);
    }
    const back = await gateway.welcome({ positions: peer.welcomed.positions }, { identity: peer.identity });
    await back.next('recovered');
    sealed.push(...back.unread.filter(({ event }) => event === back.channel).map(({ data }) => data.sealed));
    expect(sealed.length).toBeGreaterThanOrEqual(80);
    expect(new Set(sealed.map(({ enc, iv }) => `${enc} ${iv}`)).size).toBe(sealed.length);
  });

  rule('[sealing.4] no two clients share an enc', async ({ gateway }) => {
    const encs: string[] = [];
    for (let i = 0; i < 4; i++) {
      const peer = await gateway.welcome();
      encs.push((await peer.result(peer.request('Work', { ms: 0 }))).sealed.enc as string);
    }
    expect(new Set(encs).size).toBe(encs.length);
  });
});
