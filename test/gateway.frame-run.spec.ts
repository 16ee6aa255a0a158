import { describe, expect, it } from 'vitest';
import { layOutNeighbours } from '../lib/gateway/recovery/neighbours.js';
import type { AccessRules } from '../lib/gateway/access.rules.js';
import { BroadcastRules } from '../lib/gateway/routing/broadcast.rules.js';
import { Delivery } from '../lib/gateway/routing/delivery.js';
import { classify } from '../lib/gateway/routing/record.classifier.js';
import type { RoutedEvent } from '../lib/gateway/routing/routed.record.js';
import { FrameRun } from '../lib/gateway/socket/frame.run.js';
import { FrameSlab } from '../lib/gateway/socket/frame.slab.js';
import type { Session } from '../lib/gateway/socket/session.js';
import { textsIn, wireFrame } from '../lib/gateway/socket/wire.frame.js';

/** What a client is sent of some frames. */
function piecesOf(frames: readonly Buffer[]): Buffer[] {
  const pieces: Buffer[] = [];
  const run = new FrameRun((piece) => pieces.push(piece));
  for (const frame of frames) run.add(frame);
  run.flush();
  return pieces;
}

function textsOf(pieces: readonly Buffer[]): string[] {
  return pieces.flatMap((piece) => [...textsIn(piece)].map(String));
}

/** Events of one partition, of which no client has needed any yet. */
function events(count: number): RoutedEvent[] {
  const rules = new BroadcastRules({ '*': 'data' });
  const slab = new FrameSlab();
  return Array.from({ length: count }, (_, index) => {
    const headers = { ce_id: String(index), ce_type: Buffer.from(`event.Bid.${index % 4 === 0 ? 'Won' : 'Created'}`) };
    const place = { topic: 'auction', partition: 0, offset: BigInt(index), timestamp: 0 };
    return classify({ ...place, key: null, value: Buffer.from('{}'), headers }, rules, slab) as RoutedEvent;
  });
}

const wanting = (...types: string[]): Session =>
  ({ wantsEvent: (_: string, type: string) => types.includes(type) }) as unknown as Session;

describe('frames that were made one after the other', () => {
  it('are sent as few pieces, of the same memory to everybody', () => {
    const slab = new FrameSlab();
    const texts = Array.from({ length: 100 }, (_, index) => `text ${100 + index}`);
    const frames = texts.map(slab.frameOf);

    const pieces = piecesOf(frames);
    const [end, ...more] = piecesOf(frames.slice(60));

    expect(pieces.length).toBeLessThan(10);
    expect(textsOf(pieces)).toEqual(texts);
    expect(more).toEqual([]);
    expect(textsOf([end!])).toEqual(texts.slice(60));
    expect(end!.buffer).toBe(pieces.at(-1)!.buffer);
  });

  it('arrive whole where they do not lie in a row: left out, too long for it, or of somebody else', () => {
    const slab = new FrameSlab();
    const long = ['y'.repeat(70_000), 'z'.repeat(40_000), 'z'.repeat(15_000)];
    const texts = ['first', 'x'.repeat(125), 'of somebody else', ...long, '', 'last'];
    const frames = texts.map(slab.frameOf);
    frames.splice(2, 1, wireFrame('sealed'));
    const wanted = frames.filter((_, index) => index !== 5);

    expect(textsOf(piecesOf(wanted))).toEqual(['first', 'x'.repeat(125), 'sealed', long[0], long[1], '', 'last']);
  });
});

describe('a few of many frames', () => {
  it('are sent from memory of their own, so that who reads slowly keeps no more alive than is counted', () => {
    const slab = new FrameSlab();
    const frames = Array.from({ length: 4_000 }, (_, index) => slab.frameOf(`text ${index} ${'x'.repeat(100)}`));

    const pieces = piecesOf(frames.filter((_, index) => index % 100 === 0));
    const [row] = piecesOf(frames.slice(1_000, 1_200));

    for (const piece of pieces) expect(piece.buffer.byteLength).toBeLessThanOrEqual(4 * piece.length);
    expect(textsOf(pieces)).toHaveLength(40);
    expect(row!.buffer).toBe(frames[1_000]!.buffer); // not copied where it is most of the memory
  });
});

describe('a frame that was sent while it was live', () => {
  it('lies among its neighbours for who catches up, and is the same', () => {
    const records = events(50);
    const live = records.map(({ frame }) => frame);

    const delivery = new Delivery(undefined as never, { mayRead: () => true } as unknown as AccessRules);
    const wants = wanting('Bid.Created', 'Bid.Won');

    const pieces = piecesOf(records.map((record) => delivery.frameFor(wants, record)!));

    expect(live.every(({ buffer, length }) => buffer.byteLength === length)).toBe(true);
    expect(pieces.length).toBeLessThan(10);
    expect(textsOf(pieces)).toEqual(textsOf(live));
  });
});

describe('memory for frames', () => {
  it('is no more than a few of them need, where they are few', () => {
    const { buffer } = new FrameSlab().frameOf('x'.repeat(500));
    expect(buffer.byteLength).toBeLessThan(2_100);
  });
});

describe('clients that went one after the other', () => {
  it('get few pieces each, though each needs a record more than the one before', () => {
    const records = events(1_000);
    const counts = Array.from({ length: 200 }, (_, more) => {
      layOutNeighbours(wanting('Bid.Created', 'Bid.Won'), records, 800 - more);
      return piecesOf(records.slice(800 - more).map((record) => record.layOut())).length;
    });
    expect(Math.max(...counts)).toBeLessThan(20);
  });

  it('lay out no frames that none of them wants', () => {
    const records = events(200);
    layOutNeighbours(wanting('Bid.Won'), records, 100);
    const types = new Set(records.filter(({ isLaidOut }) => isLaidOut).map(({ type }) => type));
    expect([...types]).toEqual(['Bid.Won']);
  });
});
