import { randomFillSync } from 'node:crypto';

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
  const variant = ((parseInt(tail[3]!, 16) & 0x3) | 0x8).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${tail.slice(0, 3)}-${variant}${tail.slice(4, 7)}-${tail.slice(7, 19)}`;
}
