import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { answer } from './child.process.js';
import { processUse } from './process.use.js';

/** `ws` with nothing around it: welcomes whoever comes, and sends a text to each of them. */
let server: WebSocketServer;

const answers = {
  ...processUse,

  async start(): Promise<string> {
    server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false, clientTracking: true });
    server.on('connection', (socket) => {
      socket.once('message', () => socket.send('{"event":"welcome","data":{}}'));
    });
    await once(server, 'listening');
    return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/socket`;
  },

  /** The best that `ws` offers: bytes made once, and a `send` for each client. */
  sendBytes(text: string, events: number): void {
    for (let i = 0; i < events; i++) {
      const bytes = Buffer.from(text);
      for (const client of server.clients) client.send(bytes, { binary: false });
    }
  },

  /** The way of Nest's WsAdapter, and of most: each client is sent an object. */
  sendObject(text: string, events: number): void {
    const frame = JSON.parse(text) as object;
    for (let i = 0; i < events; i++) {
      for (const client of server.clients) client.send(JSON.stringify(frame));
    }
  },
};

export type WsFloor = typeof answers;

answer(answers);
