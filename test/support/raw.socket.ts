import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** A frame that came from the server. */
export interface WireFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** How a frame differs from a proper one. */
export interface FrameOptions {
  /** Whether the message ends with it. */
  readonly fin?: boolean;
  /** The three reserved bits: 4 is the compressed one. */
  readonly reserved?: number;
  readonly masked?: boolean;
  /** The length that it claims to have, where that is not the truth. */
  readonly length?: number;
}

export interface UpgradeOptions {
  /** `undefined` leaves one out, a list repeats it. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly query?: string;
}

/** A WebSocket by hand, on bare TCP: it can send what no WebSocket library would. */
export class RawSocket {
  /** Frames as they came; none is missed. */
  readonly frames: WireFrame[] = [];
  /** Resolves when the TCP connection is closed, with the code of the close frame, if one came before. */
  readonly closed: Promise<number | undefined>;
  status = 0;
  /** Head of the answer to the upgrade. */
  head = '';
  private buffer = Buffer.alloc(0);
  private readonly waiting = new Set<() => void>();

  private constructor(readonly socket: Socket) {
    onTestFinished(() => void socket.destroy());
    socket.on('data', (data) => this.receive(data));
    socket.on('error', () => undefined); // told by the close
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        const bye = this.frames.find(({ opcode }) => opcode === OPCODE.close);
        resolve(bye && bye.payload.length >= 2 ? bye.payload.readUInt16BE(0) : undefined);
        this.buffer = Buffer.alloc(0); // what is left of it keeps all of the last piece alive
        this.wake();
      });
    });
  }

  /** Asks for an upgrade; resolves with the answer, whatever it is. */
  static async open(url: string, { headers, query = '' }: UpgradeOptions = {}): Promise<RawSocket> {
    const { hostname, port, pathname, host } = new URL(url);
    const raw = new RawSocket(connect(Number(port), hostname));
    const all = {
      Host: host,
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
      'Sec-WebSocket-Protocol': 'kafka-socket.v1',
      ...headers,
    };
    const lines = Object.entries(all).flatMap(([name, values]) =>
      values === undefined ? [] : [values].flat().map((value) => `${name}: ${value}`),
    );
    raw.socket.write([`GET ${pathname}${query} HTTP/1.1`, ...lines, '', ''].join('\r\n'));
    await raw.until(() => raw.status > 0);
    return raw;
  }

  /** Writes one frame. */
  frame(opcode: number, payload: Buffer | string = '', options: FrameOptions = {}): void {
    this.socket.write(wireFrame(opcode, payload, options));
  }

  /** Writes a frame of the protocol. */
  send(event: string, data: unknown): void {
    this.frame(OPCODE.text, JSON.stringify({ event, data }));
  }

  /** Waits for a frame of the protocol. */
  async next(event: string): Promise<Record<string, any>> {
    const found = (): Record<string, any> | undefined =>
      this.frames
        .filter(({ opcode }) => opcode === OPCODE.text)
        .map(({ payload }) => JSON.parse(payload.toString()) as Record<string, any>)
        .find((frame) => frame.event === event);
    await this.until(() => found() !== undefined);
    return found()!;
  }

  /** Waits until something is so, looking whenever something came. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      if (this.socket.destroyed) throw new Error(`The connection is closed; it began with ${this.head || 'nothing'}`);
      await new Promise<void>((resolve) => this.waiting.add(resolve));
    }
  }

  private receive(data: Buffer): void {
    this.buffer = Buffer.concat([this.buffer, data]);
    if (this.status === 0) this.readHead();
    if (this.status === 101) this.readFrames();
    this.wake();
  }

  private readHead(): void {
    const end = this.buffer.indexOf('\r\n\r\n');
    if (end < 0) return;
    this.head = this.buffer.toString('latin1', 0, end);
    this.status = Number(/^HTTP\/1\.1 (\d+)/.exec(this.head)?.[1]);
    this.buffer = this.buffer.subarray(end + 4);
  }

  /** A server does not mask. */
  private readFrames(): void {
    for (;;) {
      if (this.buffer.length < 2) return;
      const short = this.buffer[1]! & 0x7f;
      const header = short === 127 ? 10 : short === 126 ? 4 : 2;
      if (this.buffer.length < header) return;
      const length =
        short === 127 ? Number(this.buffer.readBigUInt64BE(2)) : short === 126 ? this.buffer.readUInt16BE(2) : short;
      if (this.buffer.length < header + length) return;
      this.frames.push({
        opcode: this.buffer[0]! & 0x0f,
        payload: Buffer.from(this.buffer.subarray(header, header + length)),
      });
      this.buffer = this.buffer.subarray(header + length);
    }
  }

  private wake(): void {
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }
}

/** A client's frame as it goes over the wire. */
export function wireFrame(
  opcode: number,
  payload: Buffer | string = '',
  { fin = true, reserved = 0, masked = true, length }: FrameOptions = {},
): Buffer {
  const body = Buffer.from(payload);
  const claimed = length ?? body.length;
  const first = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  const flag = masked ? 0x80 : 0;
  const header =
    claimed < 126
      ? Buffer.of(first, flag | claimed)
      : claimed < 65_536
        ? Buffer.of(first, flag | 126, claimed >> 8, claimed & 0xff)
        : Buffer.concat([Buffer.of(first, flag | 127), bigEndian(claimed)]);
  // Masked with zeros, which is a mask like any other.
  return Buffer.concat([header, ...(masked ? [Buffer.alloc(4)] : []), body]);
}

function bigEndian(length: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(length));
  return bytes;
}
