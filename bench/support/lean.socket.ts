import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

/** What one hears of a socket. */
export interface LeanListener {
  /** The server took it. */
  opened(): void;
  /** A text frame lies between two indices of a buffer, which is written over when this returns. */
  frame(buffer: Buffer, start: number, end: number): void;
  /** It is over; 1006 where no close frame came. */
  closed(code: number): void;
}

const TEXT = 0x1;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;

/** All sockets of a process read into it: each chunk is looked through before the next is read. */
const CHUNK = Buffer.allocUnsafe(256 * 1024);
const NOTHING = Buffer.alloc(0);

/**
 * A WebSocket client that knows only what a server of ours says: whole, unmasked, unpacked frames. Thousands of them cost less
 * than the server that feeds them, so that it is the server which is measured.
 */
export class LeanSocket {
  private readonly socket: Socket;
  private open = false;
  /** Begin of a frame whose end has not come yet. */
  private rest = NOTHING;
  private code = 1006;

  /** @param localAddress where it seems to come from; on Linux each of 127.0.0.0/8 will do */
  constructor(
    url: string,
    private readonly listener: LeanListener,
    localAddress?: string,
  ) {
    const { hostname, port, pathname } = new URL(url);
    this.socket = connect({
      host: hostname,
      port: Number(port),
      noDelay: true,
      ...(localAddress && { localAddress }),
      onread: { buffer: CHUNK, callback: (length) => this.read(length) },
    });
    this.socket.once('connect', () => this.socket.write(upgrade(hostname, port, pathname)));
    this.socket.on('error', () => undefined); // told by the close
    this.socket.once('close', () => listener.closed(this.code));
  }

  send(text: string): void {
    this.write(TEXT, Buffer.from(text));
  }

  /** Reads nothing any more: what comes waits in the kernel's buffers, and then at the server. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Hangs up without a goodbye. */
  cut(): void {
    this.socket.destroy();
  }

  private read(length: number): boolean {
    const chunk = CHUNK.subarray(0, length);
    const buffer = this.rest.length > 0 ? Buffer.concat([this.rest, chunk]) : chunk;
    const start = this.open ? 0 : this.handshake(buffer);
    const end = this.open ? this.frames(buffer, start) : 0;
    this.rest = end < buffer.length ? Buffer.from(buffer.subarray(end)) : NOTHING;
    return true;
  }

  /** @returns where the frames begin */
  private handshake(buffer: Buffer): number {
    const end = buffer.indexOf('\r\n\r\n');
    if (end === -1) return 0;
    if (buffer.toString('latin1', 9, 12) !== '101') {
      this.cut();
      return buffer.length;
    }
    this.open = true;
    this.listener.opened();
    return end + 4;
  }

  /** @returns where the first frame begins that is not whole yet */
  private frames(buffer: Buffer, from: number): number {
    let at = from;
    while (at + 2 <= buffer.length) {
      const short = buffer[at + 1]! & 0x7f;
      const header = short === 126 ? 4 : short === 127 ? 10 : 2;
      if (at + header > buffer.length) break;
      const start = at + header;
      const end =
        start + (header === 2 ? short : header === 4 ? buffer.readUInt16BE(at + 2) : buffer.readUInt32BE(at + 6));
      if (end > buffer.length) break;
      this.one(buffer[at]! & 0x0f, buffer, start, end);
      at = end;
    }
    return at;
  }

  private one(opcode: number, buffer: Buffer, start: number, end: number): void {
    if (opcode === TEXT) this.listener.frame(buffer, start, end);
    else if (opcode === PING) this.write(PONG, buffer.subarray(start, end));
    else if (opcode === CLOSE) {
      this.code = end - start >= 2 ? buffer.readUInt16BE(start) : 1005;
      this.write(CLOSE, buffer.subarray(start, start + 2));
      this.socket.end();
    }
  }

  private write(opcode: number, payload: Buffer): void {
    const { length } = payload;
    const header = length < 126 ? [length | 0x80] : [126 | 0x80, length >> 8, length & 0xff];
    // A client must mask; a mask of zeros leaves the payload as it is.
    this.socket.write(Buffer.concat([Buffer.of(opcode | 0x80, ...header, 0, 0, 0, 0), payload]));
  }
}

function upgrade(host: string, port: string, path: string): string {
  return [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}:${port}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    'Sec-WebSocket-Protocol: kafka-socket.v1',
    '\r\n',
  ].join('\r\n');
}
