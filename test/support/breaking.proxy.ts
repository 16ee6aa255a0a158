import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';

/** What becomes of a gateway's frame on its way; none, one or several. */
export type Breaking = (frame: { event: string; data: any; id?: string }) => readonly object[];

/** What becomes of a gateway's close code on its way. */
export type Closing = (code: number) => number;

/** Stands between a client and a gateway that is right, and makes it one that is not. Listens until the test ends. */
export async function breakingProxy(target: string, breaking: Breaking, closing: Closing = same): Promise<string> {
  const server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    handleProtocols: (offered) => [...offered][0] ?? false,
  });
  server.on('connection', (client) => relay(client, new WebSocket(target, [client.protocol]), breaking, closing));
  onTestFinished(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  await new Promise((resolve) => void server.once('listening', resolve));
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/socket`;
}

function relay(client: WebSocket, gateway: WebSocket, breaking: Breaking, closing: Closing): void {
  const early: string[] = [];
  client.on('message', (data) => {
    const text = (data as Buffer).toString();
    if (gateway.readyState === WebSocket.OPEN) gateway.send(text);
    else early.push(text);
  });
  gateway.on('open', () => {
    for (const text of early) gateway.send(text);
  });
  gateway.on('message', (data) => {
    for (const frame of breaking(JSON.parse((data as Buffer).toString()))) client.send(JSON.stringify(frame));
  });
  gateway.on('close', (code) => client.close(code === 1005 || code === 1006 ? 1000 : closing(code)));
  client.on('close', () => gateway.terminate());
  for (const socket of [client, gateway]) socket.on('error', () => undefined); // told by the close
}

function same(code: number): number {
  return code;
}
