import { HOSTILE_NAMES, HOSTILE_TEXTS, hostileBytes, hostileJson, MARK } from './hostile.json.js';
import { type Draw, pick } from './seed.js';

/** One text frame to be sent, with what an answer to it may name. */
export interface HostileFrame {
  readonly bytes: Buffer;
  /** `event` of what it is, where it is JSON. */
  readonly event: unknown;
  /** What an answer that comes later names: the frame's own id and its request's. */
  readonly name: string;
}

type Json = { [name: string]: Json } | string | number | boolean | null | Json[];

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** Stands where something hostile will. */
const SLOT = '@@slot@@';

/** Makes hostile frames of real ones. */
export class FrameMutations {
  private made = 0;

  /** @param victim whose id is named now and then */
  constructor(
    private readonly topic: string,
    private readonly token: string,
    private readonly victim: string,
  ) {}

  /** A frame of a client that was welcome. */
  frame([kind, how, where, what]: Draw): HostileFrame {
    const number = this.made++;
    const real = pick(KINDS, kind)(this, number) as Json;
    return named(mutated(real, how, where, what));
  }

  /** A client's first frame. */
  hello(who: { readonly sessionId: string; readonly publicKey: string }, [kind, how, where, what]: Draw): HostileFrame {
    const hello = {
      ...(kind % 4 === 0 && { token: this.token }),
      ...(kind % 3 === 0 && { types: { [this.topic]: ['Bid.Created', 'Reserve.Changed'] } }),
      ...(kind % 2 === 0 && { positions: { [this.topic]: { '0': '0', '1': '-1', '2': '1' } }, epoch: 'x' }),
    };
    // Without its token nobody gets far.
    const data = { ...who, token: this.token, channels: [this.topic], ...hello };
    return named(mutated({ event: 'hello', id: 'hello', data }, how, where, what));
  }

  request(number: number, more: object): object {
    const requestId = `${number.toString(16).padStart(8, '0')}-aaaa-4aaa-8aaa-aaaaaaaaaaaa`;
    const data = {
      requestId,
      topic: this.topic,
      command: 'PlaceBid',
      payload: { lot: 7, amount: 5, note: MARK },
      ttl: 500,
    };
    return { event: 'request', id: `f${number}`, data: { ...data, ...more } };
  }

  of(number: number, event: string, data: object): object {
    return { event, id: `f${number}`, data };
  }

  channels(more: object = {}): object {
    return { channels: [this.topic], ...more };
  }

  get secret(): string {
    return this.token;
  }

  get other(): string {
    return this.victim;
  }
}

/** Each kind of frame that a client may send, the harmless more often than what costs. */
const KINDS: readonly ((of: FrameMutations, number: number) => object)[] = [
  (of, n) => of.of(n, 'subscribe', of.channels()),
  (of, n) => of.of(n, 'subscribe', of.channels({ types: ['Bid.Created', 'Lot.Sold'] })),
  (of, n) => of.of(n, 'subscribe', { channels: ['elsewhere', '__consumer_offsets'] }),
  (of, n) => of.of(n, 'unsubscribe', of.channels()),
  (of, n) => of.of(n, 'unsubscribe', of.channels({ types: ['Lot.Sold'] })),
  (of, n) => of.of(n, 'cancel', { requestId: crypto.randomUUID() }),
  (of, n) => of.of(n, 'pong', {}),
  (of, n) => of.of(n, 'pong', { at: [1, { deep: 'x' }] }),
  (of, n) => of.of(n, 'hello', { sessionId: of.other, publicKey: 'x', channels: [] }),
  (of, n) => (n % 8 === 0 ? of.of(n, 'refresh', { token: of.secret }) : of.of(n, 'refresh', { token: [of.secret] })),
  (of, n) => of.request(n, { sessionId: of.other }),
  (of, n) => of.request(n, { topic: 'elsewhere' }),
  (of, n) => of.request(n, { age: 60_000 }),
  (of, n) => (n % 3 === 0 ? of.request(n, { key: 'lot-7', progress: true }) : of.request(n, { ttl: -1 })),
  (of, n) => (n % 3 === 0 ? of.request(n, { command: 'Nobody' }) : of.request(n, { traceparent: 'none' })),
  (of, n) => (n % 4 === 0 ? of.request(n, {}) : of.request(n, { command: 'Place Bid' })),
];

function mutated(real: Json, how: number, where: number, what: number): Buffer {
  switch (how % 10) {
    case 0:
      return bytesOf(real);
    case 1:
    case 2:
    case 3:
      return filled(withSlot(real, where, false), hostileJson(what));
    case 4:
      return filled(withSlot(real, where, true, pick(HOSTILE_NAMES, where >>> 8)), hostileJson(what));
    case 5:
      return Buffer.from(
        JSON.stringify(real).replace('{', `{"${pick(['event', 'data', 'id'], where)}":${hostileJson(what)},`),
      );
    case 6:
      return bytesOf(real).subarray(0, where % 60);
    case 7:
      return inserted(bytesOf(real), where, hostileBytes(what));
    case 8:
      return flipped(bytesOf(real), where, what);
    default:
      return where % 3 === 0 ? Buffer.from(pick(HOSTILE_TEXTS, what)) : without(real, where);
  }
}

/** The value of a member, somewhere, or a new member. */
function withSlot(real: Json, where: number, isNew: boolean, name = ''): string {
  const places = objectsIn(real).flatMap((object) =>
    isNew ? [[object, name] as const] : Object.keys(object).map((member) => [object, member] as const),
  );
  const [object, member] = pick(places, where);
  const copy = JSON.stringify(real, (_, value: unknown) =>
    value === object
      ? Object.fromEntries([...Object.entries(object).filter(([key]) => key !== member), [member, SLOT]])
      : value,
  );
  return copy;
}

function without(real: Json, where: number): Buffer {
  return Buffer.from(withSlot(real, where, false).replace(/,?"[^"]*":"@@slot@@"/, ''));
}

function filled(text: string, json: string): Buffer {
  return Buffer.from(text.replace(`"${SLOT}"`, () => json));
}

function inserted(bytes: Buffer, where: number, piece: Buffer): Buffer {
  const at = where % (bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
}

function flipped(bytes: Buffer, where: number, what: number): Buffer {
  // Mostly bits that leave it ASCII: what is not UTF-8 ends a socket.
  bytes[where % bytes.length]! ^= 1 << (what % 50 === 0 ? 7 : what % 7);
  return bytes;
}

function bytesOf(json: Json): Buffer {
  return Buffer.from(JSON.stringify(json));
}

function objectsIn(json: Json): { [name: string]: Json }[] {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return [];
  return [json, ...Object.values(json).flatMap(objectsIn)];
}

function named(bytes: Buffer): HostileFrame {
  try {
    const { event, id, data } = JSON.parse(bytes.toString()) as Record<string, unknown>;
    return { bytes, event, name: nameOf(id, (data as Record<string, unknown> | null)?.['requestId']) };
  } catch {
    return { bytes, event: undefined, name: '|' };
  }
}

/** What an answer calls the frame that it answers. */
export function nameOf(id: unknown, requestId: unknown): string {
  const one = typeof id === 'string' ? id : '';
  return `${one}|${typeof requestId === 'string' && UUID.test(requestId) ? requestId : ''}`;
}
