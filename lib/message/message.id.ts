import { createHash, randomFillSync } from 'node:crypto';

const random = Buffer.alloc(10 * 256);
let used = random.length;

/**
 * A UUIDv7: time-ordered, so that neighbours in the log have neighbouring ids.
 * @see RFC 9562, section 5.7
 */
export function messageId(now: number = Date.now()): string {
  if (used === random.length) {
    randomFillSync(random); // 256 ids a system call: one call each costs more than the rest of this function
    used = 0;
  }
  const tail = random.toString('hex', used, used + 10);
  used += 10;
  const time = now.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${tail.slice(0, 3)}-${variant(tail[3]!)}${tail.slice(4, 7)}-${tail.slice(7, 19)}`;
}

/**
 * A UUIDv8 of a name: the same for the same name, so that a message that is made again is the same message.
 * @see RFC 9562, section 5.8
 */
export function messageIdOf(name: string): string {
  const hash = createHash('sha256').update(name).digest('hex');
  const [first, second, third] = [hash.slice(0, 8), hash.slice(8, 12), hash.slice(13, 16)];
  return `${first}-${second}-8${third}-${variant(hash[16]!)}${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}

/** A hex digit whose upper two bits are those of every UUID of RFC 9562. */
function variant(digit: string): string {
  return ((parseInt(digit, 16) & 0x3) | 0x8).toString(16);
}

const UUID_V7 = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** When an id was made, in milliseconds since the epoch; undefined for one that is no UUIDv7. */
export function messageTime(id: string): number | undefined {
  const match = UUID_V7.exec(id);
  return match ? parseInt(match[1]! + match[2]!, 16) : undefined;
}
