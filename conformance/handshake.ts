import { randomBytes } from 'node:crypto';
import { type IncomingHttpHeaders, request as http } from 'node:http';
import { request as https } from 'node:https';
import { PATIENCE } from './peer.js';

/** How a gateway answered an upgrade, and the close code that it sent at once, if it did. */
export interface HandshakeAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly closeCode?: number;
}

/** Asks for an upgrade and reads the answer as bytes: a strict WebSocket client hides what a refusal looks like. */
export function handshake(url: string, headers: Readonly<Record<string, string>>): Promise<HandshakeAnswer> {
  const address = new URL(url);
  const secure = address.protocol === 'wss:';
  address.protocol = secure ? 'https:' : 'http:';
  const fixed = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
  };
  return new Promise((resolve, reject) => {
    const request = (secure ? https : http)(address, { headers: { ...fixed, ...headers }, timeout: PATIENCE });
    request.once('upgrade', ({ statusCode, headers: answered }, socket, head) => {
      let bytes = head;
      const read = (): void => {
        if (bytes.length < 4 && !socket.destroyed) return;
        clearTimeout(limit);
        socket.destroy();
        resolve({ status: statusCode!, headers: answered, closeCode: closeCodeIn(bytes) });
      };
      const limit = setTimeout(() => socket.destroy(), 1_000);
      socket.on('data', (data: Buffer) => {
        bytes = Buffer.concat([bytes, data]);
        read();
      });
      socket.once('close', read);
      socket.on('error', () => undefined); // told by the close
      read();
    });
    request.once('response', (response) => {
      response.resume();
      resolve({ status: response.statusCode!, headers: response.headers });
    });
    request.once('timeout', () => request.destroy(new Error('The gateway did not answer the upgrade.')));
    request.once('error', reject);
    request.end();
  });
}

/** The code of a close frame, RFC 6455, section 5.5.1: opcode 8, a length below 126, two bytes. */
function closeCodeIn(bytes: Buffer): number | undefined {
  return bytes.length >= 4 && (bytes[0]! & 0x0f) === 8 ? bytes.readUInt16BE(2) : undefined;
}
