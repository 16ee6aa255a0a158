import { KafkaSocketClient } from 'nestjs-kafka-socket/client';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { SampleProcess } from './support/sample.process.js';

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
      const heard = bob.next('Bid', 'Created', lot);

      await ann.send('PlaceBid', { lot, amount: 120 });

      expect(await heard).toMatchObject({
        data: { lot, amount: 120 },
        meta: { type: 'Bid.Created', key: `lot-${lot}` },
      });
    });

    it('is rejected where it is not above the leading bid, whoever bids', async () => {
      const [ann, bob] = [await connect(), await connect()];
      const lot = freshLot();
      await ann.send('PlaceBid', { lot, amount: 120 });

      const rejected = { status: 'rejected', code: 'BID_TOO_LOW' };
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
      const heard = bob.next('Reserve', 'Changed', lot);

      expect(await ann.send('SetReserve', { lot, amount: 500 })).toEqual({ lot, amount: 500 });

      expect(await heard).toMatchObject({ data: undefined, meta: { type: 'Reserve.Changed' } });
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
      const heard = ann.next('Lot', 'Sold', lot);
      await ann.send('PlaceBid', { lot, amount: 120 });

      const sale = await bob.send('Settle', { lot });

      expect(sale).toEqual({ lot, amount: 120, winner: expect.stringMatching(/^bidder \w{6}$/) as string });
      expect(await heard).toMatchObject({ data: sale });
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
    await client.ready();
    return {
      client,
      send: (command: string, payload: unknown, { ttl = 10_000 } = {}) =>
        client.send('auction', command, payload, { ttl }),
      next: (entity: string, type: string, lot: number) =>
        new Promise((resolve) => {
          client.on('auction', entity, type, (data, meta) => {
            if (meta.key === `lot-${lot}`) resolve({ data, meta });
          });
        }),
    };
  }
});
