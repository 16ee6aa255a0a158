import { type OnGatewayConnection, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { WsAdapter } from '@nestjs/platform-ws';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { RawClient } from './support/raw.client.js';

/** A gateway of the application's own, beside ours. */
@WebSocketGateway({ path: '/own' })
class OwnGateway implements OnGatewayConnection {
  connected = 0;

  handleConnection(): void {
    this.connected++;
  }

  @SubscribeMessage('hello')
  greet() {
    return { event: 'greeting', data: 'hello' };
  }
}

describe('a socket of the gateway', () => {
  it('is bound by none of the observables that Nest makes for handlers, which take half of its memory', async () => {
    const bind = vi.spyOn(WsAdapter.prototype, 'bindMessageHandlers');
    onTestFinished(() => bind.mockRestore());
    const { topic, Bidding } = auction();
    const { url } = await startApp({ gateway: { topics: [topic] } }, [Bidding]);

    const client = await RawClient.welcome(url);

    expect(client.welcomed).toMatchObject({ sessionId: client.identity.sessionId });
    expect(bind).not.toHaveBeenCalled();
  });

  it('leaves the gateways of the application alone', async () => {
    const { topic, Bidding } = auction();
    const { app, url } = await startApp({ gateway: { topics: [topic] } }, [Bidding, OwnGateway]);
    await RawClient.welcome(url);

    const own = new WebSocket(url.replace('/socket', '/own'));
    onTestFinished(() => own.terminate());
    await once(own, 'open');
    own.send(JSON.stringify({ event: 'hello', data: {} }));

    const [greeting] = (await once(own, 'message')) as [Buffer];
    expect(JSON.parse(greeting.toString())).toEqual({ event: 'greeting', data: 'hello' });
    expect(app.get(OwnGateway).connected).toBe(1);
  });
});
