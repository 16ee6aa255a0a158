import { isUtf8 } from 'node:buffer';
import { CloseCode } from '../../../lib/protocol/close-codes.js';
import { OPCODE } from '../raw.socket.js';

/** Bytes of a message that the gateway takes, by default. */
const PAYLOAD = 65_536;
const NOT_TO_BE_SENT = [1004, 1005, 1006];

/** One frame as WebSocket reads it: where the next one begins, or the code that ends the socket. */
interface Read {
  readonly next?: number;
  readonly code?: number;
  /** Whether it ends the socket by its sender's own wish. */
  readonly isGoodbye?: boolean;
  /** Whether it completes a message, for the gateway to judge. */
  readonly isMessage?: boolean;
}

/**
 * The codes that may come back for these bytes, of which nothing follows: what RFC 6455 owes to the first frame that ends the socket, or
 * nothing where the bytes are over before. What the gateway thinks of a message before that may come instead.
 */
export function owedCodes(bytes: Buffer): readonly (number | undefined)[] {
  const message = new Message();
  let told: readonly number[] = [];
  for (let at = 0; ;) {
    const { next, code, isGoodbye, isMessage } = readFrame(bytes.subarray(at), message);
    if (isMessage) told = Object.values(CloseCode);
    if (next === undefined) return [isGoodbye || code !== undefined ? code : undefined, ...told];
    at += next;
  }
}

/** What was received of a message that comes in fragments. */
class Message {
  private opcode?: number;
  private parts: Buffer[] = [];
  /** Bytes that were announced. */
  size = 0;

  get isOpen(): boolean {
    return this.opcode !== undefined;
  }

  /** @returns the code that ends the socket */
  add(opcode: number, part: Buffer, isLast: boolean): number | undefined {
    this.opcode ??= opcode;
    this.parts.push(part);
    if (!isLast) return undefined;
    const isProper = this.opcode !== OPCODE.text || isUtf8(Buffer.concat(this.parts));
    this.opcode = undefined;
    this.parts = [];
    this.size = 0;
    return isProper ? undefined : 1007;
  }
}

function readFrame(bytes: Buffer, message: Message): Read {
  if (bytes.length < 2) return {};
  const [first, second] = [bytes[0]!, bytes[1]!];
  const [opcode, isLast, short] = [first & 0x0f, first >= 0x80, second & 0x7f];
  if ((first & 0x70) !== 0 || second < 0x80 || isMisplaced(opcode, isLast, short, message)) return { code: 1002 };
  const header = short === 127 ? 10 : short === 126 ? 4 : 2;
  if (bytes.length < header) return {};
  const length = short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short;
  const isControl = opcode >= OPCODE.close;
  if (!isControl && (message.size += length) > PAYLOAD) return { code: 1009 };
  const next = header + 4 + length;
  if (bytes.length < next) return {};
  const payload = unmasked(bytes.subarray(header, header + 4), bytes.subarray(header + 4, next));
  if (opcode === OPCODE.close) return goodbye(payload);
  if (isControl) return { next };
  const code = message.add(opcode, payload, isLast);
  return code === undefined ? { next, isMessage: isLast } : { code };
}

/** Told by its first two bytes alone. */
function isMisplaced(opcode: number, isLast: boolean, short: number, message: Message): boolean {
  if (opcode === OPCODE.continuation) return !message.isOpen;
  if (opcode === OPCODE.text || opcode === OPCODE.binary) return message.isOpen;
  if (opcode < OPCODE.close || opcode > OPCODE.pong) return true;
  return !isLast || short > 125 || (opcode === OPCODE.close && short === 1);
}

/** The sender's own code comes back. */
function goodbye(payload: Buffer): Read {
  if (payload.length === 0) return { isGoodbye: true };
  const code = payload.readUInt16BE(0);
  const isProper = (code >= 1000 && code <= 1014 && !NOT_TO_BE_SENT.includes(code)) || (code >= 3000 && code <= 4999);
  if (!isProper) return { code: 1002 };
  return { isGoodbye: true, code: isUtf8(payload.subarray(2)) ? code : 1007 };
}

function unmasked(mask: Buffer, payload: Buffer): Buffer {
  return payload.map((byte, index) => byte ^ mask[index % 4]!) as Buffer;
}
