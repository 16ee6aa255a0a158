import { describe, expect, it } from 'vitest';
import { ResultSealer } from '../lib/gateway/sealing/result.sealer.js';
import { SetupQueue } from '../lib/gateway/sealing/setup.queue.js';
import { sealedFor } from '../lib/protocol/channels.js';
import { newClient, open } from './support/sealing.client.js';

const aad = sealedFor('auction', 'a-session-of-16-characters', '7f9c24e5-1c67-4f2b-9c1d-0123456789ab');
const result = JSON.stringify({ status: 'success', value: 7 });

describe('set-ups that are made before results come', () => {
  /** How many set-ups there are after each turn of the event loop, until there are no more to come. */
  async function growth(sealer: ResultSealer): Promise<number[]> {
    const sizes: number[] = [];
    do {
      await new Promise(setImmediate);
      sizes.push(sealer.size);
    } while (sizes.at(-1)! > (sizes.at(-2) ?? 0));
    return sizes;
  }

  it('are the ones that the results are sealed by', async () => {
    const client = await newClient();
    const sealer = new ResultSealer(10);
    new SetupQueue(sealer, 10).add(client.publicKey);
    await growth(sealer);
    expect(sealer.size).toBe(1);

    expect(await open(client, sealer.seal(client.publicKey, aad, result), aad)).toBe(result);
    expect(sealer.size).toBe(1);
  });

  it('are made a few in each turn of the event loop, and each once', async () => {
    const clients = await Promise.all(Array.from({ length: 50 }, newClient));
    const sealer = new ResultSealer(100);
    const queue = new SetupQueue(sealer, 100);
    for (const { publicKey } of [...clients, ...clients]) queue.add(publicKey);

    const sizes = await growth(sealer);

    expect(sizes.at(-1)).toBe(50);
    expect(Math.max(...sizes.map((size, turn) => size - (sizes[turn - 1] ?? 0)))).toBeLessThanOrEqual(4);
  });

  it('are not waited for by a result that is faster', async () => {
    const client = await newClient();
    const sealer = new ResultSealer(10);
    new SetupQueue(sealer, 10).add(client.publicKey);

    const { enc } = sealer.seal(client.publicKey, aad, result);
    await growth(sealer);

    expect(sealer.seal(client.publicKey, aad, result).enc).toBe(enc);
  });

  it('wait in a bounded number', async () => {
    const clients = await Promise.all(Array.from({ length: 5 }, newClient));
    const sealer = new ResultSealer(10);
    const queue = new SetupQueue(sealer, 3);
    for (const { publicKey } of clients) queue.add(publicKey);

    expect((await growth(sealer)).at(-1)).toBe(3);
  });

  it('are not made any more after a stop', async () => {
    const sealer = new ResultSealer(10);
    const queue = new SetupQueue(sealer, 10);
    queue.add((await newClient()).publicKey);

    queue.stop();
    queue.stop();

    expect(await growth(sealer)).toEqual([0]);
  });
});
