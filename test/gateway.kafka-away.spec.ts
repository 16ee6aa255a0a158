import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { launchApp, startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { KafkaServer } from './support/kafka.server.js';
import { RawClient, type RawFrame } from './support/raw.client.js';

const skip = inject('kafkaBrokers') === '';

/** How long a record may take to be acknowledged, in milliseconds, and with it every answer. */
const PUBLISH_TIMEOUT = 2_000;
/** Records that may wait for the broker. */
const MAX_QUEUED = 100;
const SOCKETS = 4;
const REQUESTS = 200;
const PAYLOAD = { lot: 1, amount: 20, padding: 'x'.repeat(4_000) };

let kafka: KafkaServer;
beforeAll(async () => {
  if (!skip) kafka = await KafkaServer.start();
}, 120_000);
afterAll(() => kafka?.stop());

const options = (topic: string) => ({
  kafka: {
    brokers: kafka.addresses.split(','),
    createTopics: { partitions: 3, replicationFactor: 1 },
    publishTimeout: PUBLISH_TIMEOUT,
    maxQueued: MAX_QUEUED,
  },
  gateway: {
    topics: [topic],
    ttl: { default: 6_000, maximum: 6_000, grace: 500 },
    limits: { rate: 100_000, requests: 10_000, requestsPerSession: 10_000 },
  },
});

/** Sends requests as fast as it can, and knows what became of each. */
class Flood {
  readonly requests: string[] = [];
  private readonly answers = new Map<string, RawFrame>();

  constructor(
    readonly client: RawClient,
    private readonly topic: string,
  ) {}

  send(count: number): void {
    for (let i = 0; i < count; i++)
      this.requests.push(this.client.request(this.topic, 'PlaceBid', PAYLOAD, { key: `k${i}` }));
  }

  /** Resolves when the gateway has read all that was sent; answers may still be out. */
  async read(): Promise<void> {
    this.client.send('cancel', {}, 'read');
    await this.client.next(({ id }) => id === 'read');
  }

  /** How many requests have no answer of any kind. */
  get unanswered(): number {
    const told = new Set(this.client.unread.map(({ data }) => data.requestId as string));
    return this.requests.filter((requestId) => !told.has(requestId)).length;
  }

  async answered(): Promise<void> {
    for (const requestId of this.requests)
      this.answers.set(
        requestId,
        await this.client.next(({ event, data }) => /^(accepted|error)$/.test(event) && data.requestId === requestId),
      );
  }

  /** The requests that were answered in this way. */
  told(code: string): string[] {
    return this.requests.filter((requestId) => {
      const { event, data } = this.answers.get(requestId)!;
      return code === (event === 'error' ? data.code : event);
    });
  }

  /** How many outcomes came for a request. */
  outcomes(requestId: string): number {
    return this.client.unread.filter(({ data }) => data.requestId === requestId && data.sealed).length;
  }
}

async function start() {
  const house = auction();
  const { url } = await startApp(options(house.topic), [house.Bidding]);
  const open = async () => new Flood(await RawClient.welcome(url), house.topic);
  const floods = await Promise.all(Array.from({ length: SOCKETS }, open));
  return { ...house, url, floods };
}

/** Floods a gateway whose broker does not answer. */
async function floodAll(floods: readonly Flood[]): Promise<void> {
  const before = process.memoryUsage();
  for (const flood of floods) flood.send(REQUESTS);
  await Promise.all(floods.map((flood) => flood.read()));
  const read = performance.now();
  const waiting = floods.reduce((sum, { unanswered }) => sum + unanswered, 0);
  expect(waiting).toBeLessThanOrEqual(MAX_QUEUED);

  await Promise.all(floods.map((flood) => flood.answered()));
  expect(performance.now() - read).toBeLessThan(PUBLISH_TIMEOUT + 2_000);
  for (const flood of floods) {
    const [unavailable, pending] = [flood.told('unavailable'), flood.told('pending')];
    expect(unavailable.length + pending.length).toBe(REQUESTS);
    expect(unavailable.length).toBeGreaterThan(0);
  }
  const now = process.memoryUsage();
  const grown = now.heapUsed + now.external - before.heapUsed - before.external;
  expect(grown).toBeLessThan(64 * 1024 * 1024);
}

/** What was never sent has no outcome; all else has one and only one. */
async function endsOnce(floods: readonly Flood[], effects: readonly number[], topic: string): Promise<void> {
  const sent = floods.flatMap((flood) => flood.told('pending').map((requestId) => ({ flood, requestId })));
  await expect
    .poll(() => sent.filter(({ flood, requestId }) => flood.outcomes(requestId) === 0).length, { timeout: 20_000 })
    .toBe(0);
  for (const { client } of floods)
    await client.outcome(topic, client.request(topic, 'PlaceBid', { lot: 1, amount: 1 }));
  for (const { flood, requestId } of sent) expect(flood.outcomes(requestId)).toBe(1);
  for (const flood of floods)
    for (const requestId of flood.told('unavailable')) expect(flood.outcomes(requestId)).toBe(0);
  expect(effects.length).toBeLessThanOrEqual(sent.length);
}

describe.skipIf(skip)('a gateway whose Kafka', () => {
  it('stands still answers every request within publishTimeout, holds no more than maxQueued, and goes on', async () => {
    const { topic, floods, effects } = await start();
    const [broker] = kafka.brokers;
    onTestFinished(() => broker!.thaw());
    broker!.freeze();

    await floodAll(floods);
    expect(floods.flatMap((flood) => flood.told('pending'))).not.toEqual([]); // those that lie in the broker's socket
    broker!.thaw();

    await endsOnce(floods, effects, topic);
  }, 60_000);

  it('is killed answers every request within publishTimeout, holds no more than maxQueued, and goes on', async () => {
    const { topic, floods, effects } = await start();
    const [broker] = kafka.brokers;
    onTestFinished(() => broker!.start(), 60_000);
    await broker!.kill();

    await floodAll(floods);
    await broker!.start();

    await endsOnce(floods, effects, topic);
  }, 90_000);

  it('was never there lets nobody in, and holds no hello beyond helloTimeout', async () => {
    const house = auction();
    const given = options(house.topic);
    const [broker] = kafka.brokers;
    onTestFinished(() => broker!.thaw());
    broker!.freeze();
    const { url } = await launchApp({ ...given, gateway: { ...given.gateway, helloTimeout: 300 } }, [house.Bidding]);
    const client = await RawClient.connect(url);
    client.hello();
    expect(await client.closed).toMatchObject({ code: 4010 });
    broker!.thaw();
  });
});
