import { type EventMeta, KafkaSocketClient } from 'nestjs-kafka-socket/client';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { SampleProcess } from './support/sample.process.js';

/** In milliseconds, below the tests' own limit. */
const WAITING = { timeout: 10_000, interval: 5 };

describe('the commands of the sample', () => {
  let sample: SampleProcess;
  let lastLot = 100;
  const freshLot = () => ++lastLot;
  beforeAll(async () => {
    sample = await SampleProcess.start();
  });
  afterAll(() => sample?.stop());

  describe('PlaceBid', () => {
    it('leads', async () => {
      const { send } = await connect();
      const lot = freshLot();

      expect(await send('PlaceBid', { lot, amount: 0.5 })).toEqual({ lot, amount: 0.5, leading: true });
    });

    it('is an event with data for everyone', async () => {
      const [ann, bob] = [await connect(), await connect()];
      const lot = freshLot();

      await ann.send('PlaceBid', { lot, amount: 120 });

      expect(await bob.hears('Bid.Created', lot)).toMatchObject({
        data: { lot, amount: 120 },
        meta: { type: 'Bid.Created', key: `lot-${lot}` },
      });
    });

    it('is rejected where it is not above the leading bid, whoever bids', async () => {
      const [ann, bob] = [await connect(), await connect()];
      const lot = freshLot();
      await ann.send('PlaceBid', { lot, amount: 120 });

      const rejected = { status: 'rejected', code: 'BID_TOO_LOW', reason: 'The leading bid is 120; bid more.' };
      await expect(bob.send('PlaceBid', { lot, amount: 120 })).rejects.toMatchObject(rejected);
      await expect(ann.send('PlaceBid', { lot, amount: 119.99 })).rejects.toMatchObject(rejected);
      expect(await bob.send('PlaceBid', { lot, amount: 120.01 })).toMatchObject({ leading: true });
    });

    it.each([
      ['a lot below 1', { lot: 0, amount: 1 }, 'lot'],
      ['half a lot', { lot: 1.5, amount: 1 }, 'lot'],
      ['no lot', { amount: 1 }, 'lot'],
      ['nothing offered', { lot: 1, amount: 0 }, 'amount'],
      ['less than nothing offered', { lot: 1, amount: -1 }, 'amount'],
      ['an amount in words', { lot: 1, amount: 'ten' }, 'amount'],
      ['no payload', null, ''],
    ])('is invalid with %s', async (_what, payload, path) => {
      const { send } = await connect();

      await expect(send('PlaceBid', payload)).rejects.toMatchObject({ status: 'invalid', errors: [{ path }] });
    });
  });

  describe('SetReserve and GetReserve', () => {
    it('tell everyone that the reserve changed, and the amount to whoever asks', async () => {
      const [ann, bob] = [await connect(), await connect()];
      const lot = freshLot();

      expect(await ann.send('SetReserve', { lot, amount: 500 })).toEqual({ lot, amount: 500 });

      expect(await bob.hears('Reserve.Changed', lot)).toMatchObject({
        data: undefined,
        meta: { type: 'Reserve.Changed' },
      });
      expect(await bob.send('GetReserve', { lot })).toEqual({ lot, amount: 500 });
    });

    it('reject a question for a reserve that was never set', async () => {
      const { send } = await connect();

      const asked = send('GetReserve', { lot: freshLot() });

      await expect(asked).rejects.toMatchObject({ status: 'rejected', code: 'NO_RESERVE' });
    });
  });

  describe('Settle', () => {
    it('ends when the second service has taken the money of the leading bidder', async () => {
      const [ann, bob] = [await connect(), await connect()];
      const lot = freshLot();
      await ann.send('PlaceBid', { lot, amount: 120 });

      const sale = await bob.send('Settle', { lot });

      expect(sale).toEqual({ lot, amount: 120, winner: expect.stringMatching(/^bidder \w{6}$/) as string });
      expect(await ann.hears('Lot.Sold', lot)).toMatchObject({ data: sale });
    });

    it('is rejected while the leading bid does not meet the reserve', async () => {
      const { send } = await connect();
      const lot = freshLot();
      await send('SetReserve', { lot, amount: 200 });
      await send('PlaceBid', { lot, amount: 150 });

      await expect(send('Settle', { lot })).rejects.toMatchObject({
        status: 'rejected',
        code: 'RESERVE_NOT_MET',
        reason: expect.not.stringContaining('200') as string,
      });
      await send('PlaceBid', { lot, amount: 200 });
      expect(await send('Settle', { lot })).toMatchObject({ lot, amount: 200 });
    });

    it('is rejected where the lot is sold', async () => {
      const [ann, bob] = [await connect(), await connect()];
      const lot = freshLot();
      await ann.send('PlaceBid', { lot, amount: 120 });
      await ann.send('Settle', { lot });

      const again = { status: 'rejected', code: 'ALREADY_SOLD' };
      await expect(ann.send('Settle', { lot })).rejects.toMatchObject(again);
      await expect(bob.send('Settle', { lot })).rejects.toMatchObject(again);
    });

    it('charges once where several ask for it at the same time', async () => {
      const everyone = [await connect(), await connect(), await connect()];
      const lot = freshLot();
      await everyone[0]!.send('PlaceBid', { lot, amount: 120 });

      const settled = await Promise.allSettled(everyone.map(({ send }) => send('Settle', { lot })));

      expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      const refused = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
      expect(refused).toMatchObject([{ code: 'ALREADY_SOLD' }, { code: 'ALREADY_SOLD' }]);
    });

    it('leaves the rule for bids as it is: a higher one opens the lot again', async () => {
      const [ann, bob] = [await connect(), await connect()];
      const lot = freshLot();
      await ann.send('PlaceBid', { lot, amount: 120 });
      await ann.send('Settle', { lot });

      await expect(bob.send('PlaceBid', { lot, amount: 120 })).rejects.toMatchObject({ code: 'BID_TOO_LOW' });
      expect(await bob.send('PlaceBid', { lot, amount: 130 })).toEqual({ lot, amount: 130, leading: true });
      expect(await ann.send('Settle', { lot })).toMatchObject({ lot, amount: 130 });
    });

    it('is rejected where nobody has bid', async () => {
      const { send } = await connect();

      await expect(send('Settle', { lot: freshLot() })).rejects.toMatchObject({ status: 'rejected', code: 'NO_BIDS' });
    });

    it('leaves what is between the services to them', async () => {
      const { client } = await connect();

      const charge = client.send('payment', 'Charge', { lot: 1, winner: 'me', amount: 1 });

      await expect(charge).rejects.toMatchObject({ status: 'forbidden' });
    });
  });

  describe('GetLots', () => {
    it('tells of bids, whose they are, of reserves and of sales', async () => {
      const [ann, bob] = [await connect(), await connect()];
      const [bidFor, reserved, sold] = [freshLot(), freshLot(), freshLot()];
      await ann.send('PlaceBid', { lot: bidFor, amount: 120 });
      await bob.send('PlaceBid', { lot: bidFor, amount: 130 });
      await ann.send('SetReserve', { lot: reserved, amount: 500 });
      await ann.send('SetReserve', { lot: sold, amount: 90 });
      await ann.send('PlaceBid', { lot: sold, amount: 100 });
      await bob.send('Settle', { lot: sold });

      const lots = async (of: typeof ann) =>
        ((await of.send('GetLots', {})) as { lot: number }[]).filter(({ lot }) =>
          [bidFor, reserved, sold].includes(lot),
        );

      expect(await lots(ann)).toEqual([
        { lot: bidFor, amount: 130 },
        { lot: reserved, reserve: 500 },
        { lot: sold, amount: 100, reserve: 90, sold: true, mine: true },
      ]);
      expect(await lots(bob)).toEqual([
        { lot: bidFor, amount: 130, mine: true },
        { lot: reserved, reserve: 500 },
        { lot: sold, amount: 100, reserve: 90, sold: true },
      ]);
    });
  });

  describe('Work', () => {
    it('gives the value back', async () => {
      const { send } = await connect();

      expect(await send('Work', { ms: 5, value: { any: ['thing', null] } })).toEqual({
        value: { any: ['thing', null] },
      });
      expect(await send('Work', { ms: 0 })).toEqual({});
    });

    it('fails without telling the client more when it throws', async () => {
      const { send } = await connect();

      const work = send('Work', { ms: 0, fail: 'throw' });

      await expect(work).rejects.toMatchObject({
        status: 'failed',
        message: expect.not.stringContaining('was to fail') as string,
      });
    });

    it('is rejected with its code when it rejects', async () => {
      const { send } = await connect();

      const work = send('Work', { ms: 0, fail: 'reject' });

      await expect(work).rejects.toMatchObject({ status: 'rejected', code: 'WORK_REJECTED' });
    });

    it('times out when it takes longer than its time to live, and lets its key go on', async () => {
      const { send } = await connect();

      const work = send('Work', { ms: 20_000 }, { ttl: 300 });

      await expect(work).rejects.toMatchObject({ status: 'timeout' });
      expect(await send('Work', { ms: 0, value: 'next' })).toEqual({ value: 'next' });
    });
  });

  it('end in a time-out where nobody handles them', async () => {
    const { send } = await connect();

    await expect(send('Levitate', {}, { ttl: 200 })).rejects.toMatchObject({ status: 'timeout' });
  });

  /** A client of its own; it is closed when the test ends. */
  async function connect() {
    const client = new KafkaSocketClient(sample.socketUrl, { WebSocket });
    onTestFinished(() => client.close());
    // Before it is live, so that the channel is open from the first record on.
    const heard: { data: unknown; meta: EventMeta }[] = [];
    client.on('auction', (data, meta) => heard.push({ data, meta }));
    await client.ready();
    return {
      client,
      send: (command: string, payload: unknown, { ttl = 10_000 } = {}) =>
        client.send('auction', command, payload, { ttl }),
      hears: (type: string, lot: number) =>
        vi.waitUntil(() => heard.find(({ meta }) => meta.type === type && meta.key === `lot-${lot}`), WAITING),
    };
  }
});
