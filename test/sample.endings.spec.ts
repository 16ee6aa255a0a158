import { type EventMeta, KafkaSocketClient, type RequestProgress } from 'nestjs-kafka-socket/client';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { SampleProcess } from './support/sample.process.js';

/** In milliseconds, below the tests' own limit. */
const WAITING = { timeout: 12_000, interval: 5 };

describe('the end of a sale', { timeout: 15_000 }, () => {
  let sample: SampleProcess;
  let lastLot = 100;
  const freshLot = () => ++lastLot;
  beforeAll(async () => {
    sample = await SampleProcess.start();
  });
  afterAll(() => sample?.stop());

  describe('a payment', () => {
    it('is taken once by a bank that fails three times, and the room hears of each', async () => {
      const [ann, bob] = [await connect(), await connect()];
      const lot = freshLot();
      await ann.send('PlaceBid', { lot, amount: 120 });

      const sale = await ann.send('Settle', { lot, bankFails: 3 });

      expect(sale).toMatchObject({ lot, amount: 120 });
      await bob.hears('Lot.Sold', lot);
      expect(bob.heardOf(lot).filter(({ type }) => type !== 'Bid.Created')).toEqual([
        { type: 'Payment.Delayed', data: { lot, attempt: 1, attempts: 5 } },
        { type: 'Payment.Delayed', data: { lot, attempt: 2, attempts: 5 } },
        { type: 'Payment.Delayed', data: { lot, attempt: 3, attempts: 5 } },
        { type: 'Lot.Sold', data: sale },
      ]);
    });

    it('is given up after the last attempt, and the lot may be settled again', async () => {
      const [ann, bob] = [await connect(), await connect()];
      const lot = freshLot();
      await ann.send('PlaceBid', { lot, amount: 120 });

      const settling = ann.send('Settle', { lot, bankFails: 9 });

      await expect(settling).rejects.toMatchObject({ status: 'rejected', code: 'PAYMENT_FAILED' });
      expect(await bob.hears('Payment.Failed', lot)).toMatchObject({ data: { attempt: 5, attempts: 5 } });
      expect(await ann.send('Settle', { lot })).toMatchObject({ lot, amount: 120 });
    });

    it('is not tried again behind the deadline of whoever settles', async () => {
      const ann = await connect();
      const lot = freshLot();
      await ann.send('PlaceBid', { lot, amount: 120 });

      const settling = ann.send('Settle', { lot, bankFails: 9 }, { ttl: 350 });

      await expect(settling).rejects.toMatchObject({ status: 'timeout' });
      await ann.send('PlaceBid', { lot, amount: 130 }); // opens it again, and its charge stands behind the other one
      await ann.send('Settle', { lot });
      expect(ann.heardOf(lot).filter(({ type }) => type === 'Payment.Failed')).toEqual([]);
    });
  });

  it('tells whoever gave flaky work how far it is', async () => {
    const { client } = await connect();
    const told: RequestProgress[] = [];

    const work = client.send(
      'auction',
      'Work',
      { ms: 0, fail: 'flaky', value: 'done' },
      { onProgress: (one) => told.push(one) },
    );

    expect(await work).toEqual({ value: 'done' });
    expect(told).toMatchObject([1, 2, 3].map((attempt) => ({ attempt, attempts: 5 })));
    expect(told.every(({ next }) => next > 0)).toBe(true);
  });

  describe('a lot with an end', () => {
    it('is closed then, takes no more bids, and is sold to the leading bidder', async () => {
      const [ann, bob] = [await connect(), await connect()];
      const lot = freshLot();
      await ann.send('PlaceBid', { lot, amount: 120 });

      const { ends } = (await bob.send('SetEnd', { lot, after: 500 })) as { ends: number };
      const closed = await bob.hears('Lot.Closed', lot);

      expect(closed.data).toEqual({
        lot,
        ends,
        amount: 120,
        winner: expect.stringMatching(/^bidder \w{6}$/) as string,
      });
      expect(Date.parse(closed.meta.time)).toBeGreaterThanOrEqual(ends);
      await expect(bob.send('PlaceBid', { lot, amount: 500 })).rejects.toMatchObject({
        status: 'rejected',
        code: 'LOT_CLOSED',
      });
      expect(await bob.hears('Lot.Sold', lot)).toMatchObject({ data: { lot, amount: 120 } });
      expect(await views(bob, lot)).toEqual([{ lot, amount: 120, ends, overtime: 125, closed: true, sold: true }]);
    });

    it('stays where nobody has bid, or too little', async () => {
      const ann = await connect();
      const [lonely, dear] = [freshLot(), freshLot()];
      await ann.send('SetReserve', { lot: dear, amount: 200 });
      await ann.send('PlaceBid', { lot: dear, amount: 150 });

      for (const lot of [lonely, dear]) await ann.send('SetEnd', { lot, after: 500 });

      expect((await ann.hears('Lot.Closed', lonely)).data).toMatchObject({ unsold: 'NO_BIDS' });
      expect((await ann.hears('Lot.Closed', dear)).data).toMatchObject({ unsold: 'RESERVE_NOT_MET' });
    });

    it('stays open where a late bid comes, so that others may answer it', async () => {
      const [ann, bob] = [await connect(), await connect()];
      const lot = freshLot();
      const first = (await ann.send('SetEnd', { lot, after: 1_200 })) as { ends: number };
      await vi.waitUntil(() => Date.now() > first.ends - 250, WAITING);

      await bob.send('PlaceBid', { lot, amount: 120 }, { key: `lot-${lot}` });
      const closed = await ann.hears('Lot.Closed', lot);

      const moved = ann
        .heardOf(lot)
        .flatMap(({ type, data }) => (type === 'Lot.Ending' ? [(data as typeof first).ends] : []));
      expect(moved).toHaveLength(2);
      expect(moved[1]).toBeGreaterThan(first.ends);
      expect(closed.data).toMatchObject({ lot, ends: moved[1], amount: 120 });
      expect(ann.heardOf(lot).filter(({ type }) => type === 'Lot.Closed')).toHaveLength(1);
    });

    it('is opened again by another end', async () => {
      const ann = await connect();
      const lot = freshLot();
      await ann.send('SetEnd', { lot, after: 500 });
      await ann.hears('Lot.Closed', lot);

      await ann.send('SetEnd', { lot, after: 60_000 });

      expect(await ann.send('PlaceBid', { lot, amount: 10 })).toEqual({ lot, amount: 10, leading: true });
    });

    it('is not closed any more where it was withdrawn', async () => {
      const ann = await connect();
      const [gone, marker] = [freshLot(), freshLot()];
      await ann.send('CreateLot', { id: gone, title: 'A vase that broke' });
      await ann.send('SetEnd', { lot: gone, after: 1_500 });
      await ann.send('DeleteLot', { id: gone, version: 1 });

      await ann.send('SetEnd', { lot: marker, after: 1_600 });
      await ann.hears('Lot.Closed', marker);

      expect(ann.heardOf(gone).map(({ type }) => type)).toEqual(['Lot.Ending']);
    });

    it.each([499, 3_600_001, 1_000.5, '1000'])('is not to end after %s ms', async (after) => {
      const { send } = await connect();

      const asked = send('SetEnd', { lot: freshLot(), after });

      await expect(asked).rejects.toMatchObject({ status: 'invalid', errors: [{ path: 'after' }] });
    });

    it('is closed by nobody but the house', async () => {
      const { send } = await connect();

      const closing = send('CloseLot', { lot: freshLot(), ends: Date.now() });

      await expect(closing).rejects.toMatchObject({ status: 'forbidden' });
    });
  });

  type Visitor = Awaited<ReturnType<typeof connect>>;

  async function views({ send }: Visitor, lot: number) {
    return ((await send('GetLots', {})) as { lot: number }[]).filter((one) => one.lot === lot);
  }

  /** A client of its own; it is closed when the test ends. */
  async function connect() {
    const client = new KafkaSocketClient(sample.socketUrl, { WebSocket });
    onTestFinished(() => client.close());
    const heard: { data: unknown; meta: EventMeta }[] = [];
    client.on('auction', (data, meta) => heard.push({ data, meta }));
    await client.ready();
    const of = (lot: number) => heard.filter(({ meta }) => meta.key === `lot-${lot}`);
    return {
      client,
      send: (
        command: string,
        payload: { lot?: number; [name: string]: unknown },
        { ttl = 10_000, key = `lot-${payload.lot}` } = {},
      ) => client.send('auction', command, payload, { ttl, key }),
      hears: (type: string, lot: number) => vi.waitUntil(() => of(lot).find(({ meta }) => meta.type === type), WAITING),
      /** All that was heard of a lot, in order. */
      heardOf: (lot: number) => of(lot).map(({ data, meta: { type } }) => ({ type, data })),
    };
  }
});
