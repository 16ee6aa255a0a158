import type { IncomingMessage } from 'node:http';
import { isIP, isIPv4, isIPv6 } from 'node:net';

/** How many groups of 16 bits of an IPv6 address name a subscriber's network; the rest is the subscriber's to choose. */
const NETWORK_GROUPS = 4;

/**
 * The address of a client behind so many proxies, each of which appends to `X-Forwarded-For` the address that it sees. What stands
 * further left was written by the client itself, or by whoever it says is before it, and proves nothing.
 */
export function clientAddress({ headers, socket }: IncomingMessage, proxies: number): string | undefined {
  if (proxies === 0) return socket.remoteAddress;
  // Node joins repeated headers of this name by itself.
  const forwarded = String(headers['x-forwarded-for'] ?? '').split(',');
  const entry = forwarded[Math.max(forwarded.length - proxies, 0)]!;
  return ipIn(entry.trim()) ?? socket.remoteAddress;
}

/** What of an address is counted: all of IPv4, and of IPv6 the network, since one subscriber has all addresses in it. */
export function addressKey(address: string | undefined): string {
  const ip = address?.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '') ?? '';
  return isIPv6(ip) ? groupsOf(ip).slice(0, NETWORK_GROUPS).join(':') : ip;
}

/** Some proxies write a port behind the address. */
function ipIn(entry: string): string | undefined {
  const bare = /^\[(.*)\](?::\d+)?$/.exec(entry)?.[1] ?? entry.replace(/^([\d.]+):\d+$/, '$1');
  return isIP(bare) === 0 ? undefined : bare;
}

/** All eight groups of an IPv6 address, in one spelling. */
function groupsOf(ip: string): string[] {
  const [head = [], tail = []] = ip.split('::').map((half) => half.split(':').filter(Boolean).flatMap(asGroups));
  const between = Array<string>(8 - head.length - tail.length).fill('0');
  return [...head, ...between, ...tail];
}

function asGroups(part: string): string[] {
  if (!isIPv4(part)) return [Number.parseInt(part, 16).toString(16)];
  const [a, b, c, d] = part.split('.').map(Number) as [number, number, number, number];
  return [(a * 256 + b).toString(16), (c * 256 + d).toString(16)];
}
