import { setTimeout as pause } from 'node:timers/promises';
import { CommandFailedError, type EventMeta, KafkaSocketClient } from 'nestjs-kafka-socket/client';
import { expect, inject, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { decodeMessage } from '../lib/message/cloud-events.codec.js';
import { isTerminal } from '../lib/message/outcome.rule.js';
import type { LogRecord } from '../lib/message/record.js';
import { headerText } from '../lib/message/record.headers.js';
import { connected, kafkaOptions } from './fixtures/log.adapters.js';
import { KafkaMessageLog } from '../lib/log/kafka/kafka.message.log.js';
import { KafkaServer } from './support/kafka.server.js';
import { LoadBalancer } from './support/load.balancer.js';
import { LogFollower } from './support/log.follower.js';
import { describeWithKafka } from './support/real.parts.js';
import { SampleProcess } from './support/sample.process.js';

const CLIENTS = 50;
/** Pause of a client between an outcome and its next bid, in milliseconds: together some 200 bids a second. */
const THINKS = 250;

type Place = EventMeta['at'];

/** A client that bids for a lot of its own, ever more, and hears of everybody's bids. */
class Bidder {
  readonly heard: Place[] = [];
  readonly failures: string[] = [];
  /** Close codes of the live connections that it lost. Attempts to connect may fail in other ways: a gateway was about to stop. */
  readonly lost: number[] = [];
  lateOutcomes = 0;
  private readonly client: KafkaSocketClient;
  private bids = 0;

  constructor(
    url: string,
    private readonly lot: number,
  ) {
    this.client = new KafkaSocketClient(url, { WebSocket });
    onTestFinished(() => this.client.close());
    this.client.on('auction', 'Bid', 'Created', (_, { at }) => this.heard.push(at));
    this.client.onLate(() => this.lateOutcomes++);
    let before = this.client.state;
    this.client.onState((state, { lost }) => {
      if (before === 'live' && lost) this.lost.push(lost.code);
      before = state;
    });
    this.client.onError((error) => this.failures.push(error.message));
  }

  ready(): Promise<void> {
    return this.client.ready();
  }

  /** Bids until it is enough; each bid succeeds, or is a failure. */
  async bid(enough: () => boolean): Promise<number> {
    while (!enough()) {
      await this.client
        .send('auction', 'PlaceBid', { lot: this.lot, amount: ++this.bids }, { ttl: 30_000 })
        .catch((error: unknown) => this.failures.push(wordsOf(error)));
      await pause(THINKS);
    }
    return this.bids;
  }
}

describeWithKafka('three gateways that are restarted one after the other, under load', () => {
  async function start() {
    const kafka = await KafkaServer.start();
    onTestFinished(() => kafka.stop());
    const [log] = await connected([new KafkaMessageLog(kafkaOptions({ brokers: kafka.addresses.split(',') }))]);
    const environment = { KAFKA_BROKERS: kafka.addresses, REDIS_URL: inject('redisUrl') };
    const roles = ['service', 'gateway', 'gateway', 'gateway'];
    const [, ...gateways] = await Promise.all(roles.map((ROLE) => startSample({ ...environment, ROLE })));
    const balancer = await LoadBalancer.start(gateways.map(({ port }) => port));
    onTestFinished(() => balancer.stop());
    const follower = await LogFollower.follow(log!, ['auction']);
    const url = `ws://127.0.0.1:${balancer.port}/socket`;
    const bidders = Array.from({ length: CLIENTS }, (_, index) => new Bidder(url, index + 1));
    await Promise.all(bidders.map((bidder) => bidder.ready()));
    return { gateways, follower, bidders };
  }

  it('lose nothing and double nothing', { timeout: 240_000 }, async () => {
    const { gateways, follower, bidders } = await start();
    let enough = false;
    const bidding = Promise.all(bidders.map((bidder) => bidder.bid(() => enough)));

    for (const gateway of gateways) {
      await gateway.halt();
      await gateway.restart();
    }
    enough = true;
    const bids = (await bidding).reduce((sum, count) => sum + count, 0);

    expect(bidders.flatMap(({ failures }) => failures)).toEqual([]);
    expect(bidders.reduce((sum, { lateOutcomes }) => sum + lateOutcomes, 0)).toBe(0);
    // Each of them was on some gateway when that went, and was told so.
    expect(bidders.filter(({ lost }) => lost.length === 0)).toEqual([]);
    expect(new Set(bidders.flatMap(({ lost }) => lost))).toEqual(new Set([4001]));
    const events = follower.ofType('event.Bid.Created');
    expect(new Set(events.map(requestOf)).size).toBe(bids);
    expect(events).toHaveLength(bids);
    expect(new Set(follower.records.filter((record) => isTerminal(record.headers)).map(requestOf)).size).toBe(bids);
    const all = inOrder(events.map(({ topic, partition, offset }): Place => [topic, partition, String(offset)]));
    for (const { heard } of bidders) {
      await vi.waitUntil(() => heard.length >= bids, { timeout: 10_000 });
      expect(inOrder(heard)).toEqual(all);
    }
  });
});

async function startSample(environment: Parameters<typeof SampleProcess.start>[0]): Promise<SampleProcess> {
  const sample = await SampleProcess.start(environment);
  onTestFinished(() => sample.stop());
  return sample;
}

/** Places by partition, those of one partition in the order in which they came. */
function inOrder(places: readonly Place[]): Map<number, string[]> {
  const partitions = new Map<number, string[]>();
  for (const [, partition, offset] of [...places].sort(([, one], [, other]) => one - other)) {
    partitions.set(partition, [...(partitions.get(partition) ?? []), offset]);
  }
  return partitions;
}

function requestOf(record: LogRecord): string | undefined {
  return decodeMessage(record).breadCrumbs.requestId ?? headerText(record.headers['ce_id']);
}

function wordsOf(error: unknown): string {
  return error instanceof CommandFailedError ? `${error.status} ${error.code} ${error.message}` : String(error);
}
