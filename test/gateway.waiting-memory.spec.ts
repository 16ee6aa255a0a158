import type { WebSocket } from 'ws';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BroadcastRules } from '../lib/gateway/routing/broadcast.rules.js';
import { classify } from '../lib/gateway/routing/record.classifier.js';
import type { RoutedEvent } from '../lib/gateway/routing/routed.record.js';
import { FrameSlab } from '../lib/gateway/socket/frame.slab.js';
import { Outbox } from '../lib/gateway/socket/outbox.js';
import { OutboxFlusher } from '../lib/gateway/socket/outbox.flusher.js';
import { buffersAlive } from './support/alive.bytes.js';

/** An outbox whose client reads nothing, though its socket stays open. */
function stuckOutbox(): Outbox {
  const flusher = new OutboxFlusher(0);
  onTestFinished(() => flusher.stop());
  const socket = { OPEN: 1, readyState: 1, extensions: '', bufferedAmount: 200_000, send: () => undefined };
  return new Outbox(socket as unknown as WebSocket, flusher, 100_000_000);
}

function eventsOf(slab: FrameSlab, count: number): RoutedEvent[] {
  const rules = new BroadcastRules({ '*': 'data' });
  return Array.from({ length: count }, (_, index) => {
    const headers = { ce_id: String(index), ce_type: Buffer.from('event.Bid.Created') };
    const place = { topic: 'auction', partition: 0, offset: BigInt(index), timestamp: 0 };
    return classify(
      { ...place, key: null, value: Buffer.from(`"${'x'.repeat(200)}"`), headers },
      rules,
      slab,
    ) as RoutedEvent;
  });
}

describe('a client that reads nothing, and wants few of the events', () => {
  it('keeps no more alive than what waits for it is counted as', async () => {
    const outbox = stuckOutbox();
    const slab = new FrameSlab();
    outbox.send(eventsOf(slab, 1)[0]!.frame);
    await new Promise(setImmediate); // the socket has enough to do from here on
    const before = await buffersAlive();

    for (let turn = 0; turn < 400; turn++) {
      const frames = eventsOf(slab, 200).map(({ frame }) => frame); // everybody else gets them all
      outbox.send(frames[0]!);
    }

    const alive = (await buffersAlive()) - before;
    expect(alive).toBeLessThan(4 * (outbox.bytes - 200_000) + 64 * 1024);
  });
});
