import { describe, expect } from 'vitest';
import { handshake } from '../handshake.js';
import { rule } from '../rule.js';

const ours = { 'Sec-WebSocket-Protocol': 'kafka-socket.v1' };

describe('connecting', () => {
  rule('[connect.1] the sub-protocol is taken, also where others are offered before it', async ({ gateway }) => {
    const peer = await gateway.connect({ protocols: ['graphql-transport-ws', 'kafka-socket.v1', 'mqtt'] });
    expect(peer.chosen.protocol).toBe('kafka-socket.v1');
  });

  rule(
    '[connect.2] a socket for which no sub-protocol was offered is opened and closed with 4506',
    async ({ gateway }) => {
      const peer = await gateway.connect({ protocols: [] });
      expect(await peer.closeCode()).toBe(4506);
    },
  );

  rule('[connect.2] nor is another one taken: the answer names none, and 4506 follows', async ({ gateway }) => {
    const answer = await handshake(gateway.target.url, { 'Sec-WebSocket-Protocol': 'kafka-socket.v0, mqtt' });
    expect(answer).toMatchObject({ status: 101, closeCode: 4506 });
    expect(answer.headers).not.toHaveProperty('sec-websocket-protocol');
  });

  rule('[connect.3] a page from elsewhere is refused with 403', async ({ gateway, skip }) => {
    skip(gateway.target.anyOrigin, 'this gateway lets in browsers from anywhere, says --any-origin');
    const answer = await handshake(gateway.target.url, { ...ours, Origin: 'https://elsewhere.invalid' });
    expect(answer.status).toBe(403);
  });

  rule('[connect.3] a client without an Origin is no browser, and passes', async ({ gateway }) => {
    expect((await handshake(gateway.target.url, ours)).status).toBe(101);
  });

  rule('[connect.4] no compression is used, though it is offered', async ({ gateway }) => {
    const peer = await gateway.connect({ perMessageDeflate: true });
    expect(peer.chosen.extensions).toBe('');
  });

  rule('[connect.5] a client that says nothing is closed with 4502', async ({ gateway }) => {
    const { helloTimeout } = gateway.target;
    const peer = await gateway.connect();
    expect(await peer.closeCode(helloTimeout + 5_000)).toBe(4502);
  });

  rule('[connect.6] frames behind the hello wait for the welcome, and are handled in order', async ({ gateway }) => {
    const peer = await gateway.connect();
    peer.hello(gateway.withToken(), 'first');
    peer.send('subscribe', { channels: ['auction'] }, 'second');
    peer.send('unsubscribe', { channels: ['auction'] }, 'third');

    await peer.answer('third');
    expect(peer.unread.map(({ event, id }) => [event, id])).toEqual([
      ['welcome', 'first'],
      ['subscribed', 'second'],
    ]);
  });
});
