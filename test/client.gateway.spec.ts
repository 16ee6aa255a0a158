import { CommandFailedError, KafkaSocketClient, type LateOutcome, type Recovered } from 'nestjs-kafka-socket/client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { BACKENDS, shared, startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { CuttableSocket } from './support/cuttable.socket.js';

const BROADCAST = { 'Bid.*': 'data', 'Reserve.*': 'metadata' } as const;

/** The client and the gateway, both as they are, on a log. */
describe.each(BACKENDS)('the client at a real gateway, on %s,', (backend) => {
  async function start() {
    const house = auction();
    const gateway = { topics: [house.topic], broadcast: BROADCAST, limits: { rate: 10_000 } };
    const { url } = await startApp({ ...shared(backend), gateway }, [house.Bidding]);
    return { ...house, url, connect: () => clientOf(url) };
  }

  function clientOf(url: string): KafkaSocketClient {
    const client = new KafkaSocketClient(url, { WebSocket, reconnect: { minimum: 10, maximum: 20 } });
    onTestFinished(() => client.close());
    return client;
  }

  it('gets the result of a command', async () => {
    const { connect, topic } = await start();
    const accepted: unknown[] = [];
    const sent = connect().send(topic, 'PlaceBid', { lot: 7, amount: 120 }, { onAccepted: (at) => accepted.push(at) });
    expect(await sent).toEqual({ lot: 7, amount: 120, leading: true });
    expect(accepted).toHaveLength(1);
  });

  it.each([
    ['PlaceBid', { lot: 7, amount: 1 }, { status: 'rejected', code: 'BID_TOO_LOW', reason: 'Bids begin at 10.' }],
    [
      'PlaceBid',
      { lot: 'x' },
      { status: 'invalid', errors: expect.arrayContaining([{ path: 'lot', constraints: expect.any(Array) }]) },
    ],
    ['Break', {}, { status: 'failed' }],
    ['Nobody', {}, { status: 'timeout' }],
  ])('is told how %s %j ended otherwise', async (command, payload, failure) => {
    const { connect, topic } = await start();
    const error: unknown = await connect()
      .send(topic, command, payload, { ttl: 2_000 })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CommandFailedError);
    expect(error).toMatchObject(failure);
  });

  it('hears the events of others, with data or as metadata only', async () => {
    const { connect, topic } = await start();
    const listener = connect();
    const heard: unknown[] = [];
    listener.on(topic, 'Bid', 'Created', (bid, { type, key }) => heard.push({ bid, type, key }));
    listener.on(topic, 'Reserve', (reserve, { type }) => heard.push({ reserve, type }));
    await listener.ready();

    await connect().send(topic, 'PlaceBid', { lot: 7, amount: 120 });

    await expect
      .poll(() => heard)
      .toEqual(
        expect.arrayContaining([
          { bid: { lot: 7, amount: 120, leading: true }, type: 'Bid.Created', key: 'lot-7' },
          { reserve: undefined, type: 'Reserve.Changed' },
        ]),
      );
  });

  it('catches up after a cut, and misses and repeats nothing', async () => {
    const { url, topic } = await start();
    const sockets = new CuttableSocket();
    const listener = new KafkaSocketClient(url, {
      WebSocket: sockets.implementation,
      reconnect: { minimum: 10, maximum: 20 },
    });
    onTestFinished(() => listener.close());
    const heard: number[] = [];
    const recovered: Recovered[] = [];
    listener.on(topic, 'Bid', 'Created', (bid) => heard.push((bid as { amount: number }).amount));
    listener.onRecovered((one) => recovered.push(one));
    const bidder = clientOf(url);
    await listener.ready();

    for (let amount = 100; amount < 140; amount++) {
      if (amount === 110 || amount === 125) sockets.cut();
      await bidder.send(topic, 'PlaceBid', { lot: 1, amount });
    }

    await expect.poll(() => heard, { timeout: 10_000 }).toHaveLength(40);
    expect(heard).toEqual(Array.from({ length: 40 }, (_, i) => 100 + i));
    expect(recovered.every(({ complete }) => complete)).toBe(true);
  });

  it('gets the result of a command that was sent before a cut', async () => {
    const { url, topic, held, effects } = await start();
    const sockets = new CuttableSocket();
    const client = new KafkaSocketClient(url, {
      WebSocket: sockets.implementation,
      reconnect: { minimum: 10, maximum: 20 },
    });
    onTestFinished(() => client.close());
    const result = client.send(topic, 'Hold', {});
    await expect.poll(() => held.length).toBe(1);

    sockets.cut();
    held[0]!();

    expect(await result).toBe('let go');
    expect(effects).toEqual([]);
  });

  it('is told at once that the gateway is still there when it asks', async () => {
    const { url } = await start();
    const answers: string[] = [];
    class Watched extends WebSocket {
      constructor(address: string, protocol: string) {
        super(address, protocol);
        this.on('message', (data: Buffer) => answers.push(data.toString()));
      }
    }
    const client = new KafkaSocketClient(url, { WebSocket: Watched });
    onTestFinished(() => client.close());
    await client.ready();

    client.connect();

    await expect
      .poll(() => answers.map((text) => JSON.parse(text) as unknown))
      .toContainEqual({
        event: 'unsubscribed',
        data: { channels: [], positions: {} },
      });
    expect(client.state).toBe('live');
  });

  it('whose wait was aborted hears of the outcome as a late one', async () => {
    const { connect, topic, held } = await start();
    const client = connect();
    const late: LateOutcome[] = [];
    client.onLate((outcome) => late.push(outcome));
    const aborter = new AbortController();
    const result = client.send(topic, 'Hold', {}, { signal: aborter.signal });
    await expect.poll(() => held.length).toBe(1);

    aborter.abort();
    await expect(result).rejects.toBeInstanceOf(Error);
    held[0]!();

    await expect.poll(() => late).toHaveLength(1);
    expect(late[0]).toMatchObject({ outcome: { status: 'success', value: 'let go' } });
  });
});
