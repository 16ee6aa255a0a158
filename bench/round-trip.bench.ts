import { randomUUID } from 'node:crypto';
import type { BenchCase, BenchSite } from './bench.case.js';
import type { Child } from './support/child.process.js';
import type { EchoProcess } from './support/echo.process.js';
import { EventWriter } from './support/event.writer.js';
import type { Figure } from './support/figure.js';
import { gatewayOptions } from './support/gateway.settings.js';
import { interleave } from './support/interleave.js';
import type { KafkajsFloor } from './support/kafkajs.floor.process.js';
import type { NestPeer } from './support/nest.peer.process.js';
import { percentile } from './support/percentiles.js';
import { PROCESSES } from './support/processes.js';
import type { Requesters } from './support/requesters.process.js';

/** As many as a topic has that the package makes. */
const PARTITIONS = 6;
/** Clients, and requests in flight where they do not wait for each other: one each. */
const CLIENTS = 1_000;
const CLIENTS_QUICK = 250;

/** A server of round trips, and its clients. */
interface Side {
  readonly requesters: Child<Requesters>;
  /** The server's processor time so far, in milliseconds. */
  cpu(): Promise<number>;
}

interface Sample {
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Round trips a second, by the clock, and of one core of the server. */
  readonly rate: number;
  readonly ofOneCore: number;
}

type Sides = Readonly<Record<'memory' | 'redis' | 'floor' | 'nest', Side>>;

/**
 * From a client through a socket, Kafka, a handler and Kafka back to it, sealed and with a time to live: beside the same hops by
 * kafkajs and `ws` alone, and beside Nest's own way.
 */
export const roundTrip: BenchCase = {
  name: 'round-trip',
  needs: ['kafka', 'redis'],

  async run(site: BenchSite): Promise<Figure[]> {
    const writer = new EventWriter(site.brokers);
    await writer.connect();
    try {
      const clients = site.quick ? CLIENTS_QUICK : CLIENTS;
      const sides = await allSides(site, writer, clients);
      const [one, many] = site.quick ? [200, 2_500] : [1_000, 10_000];
      site.tell(`${one} requests, one after the other`);
      const { memory, floor, nest } = sides;
      const alone = await measured(site.quick ? 3 : 7, { memory, floor, nest }, one, 1);
      site.tell(`${many} requests, ${clients} of them in flight`);
      const together = await measured(site.quick ? 2 : 5, sides, many, clients);
      return [...oneByOne(alone), ...inFlight(together)];
    } finally {
      await site.stop(); // before its topics are gone
      await writer.close();
    }
  },
};

type Samples<N extends keyof Sides> = Readonly<Record<N, readonly Sample[]>>;

const NEST = 'Nest: gateway + ClientKafka + @MessagePattern';

function oneByOne({ memory, floor, nest }: Samples<'memory' | 'floor' | 'nest'>): Figure[] {
  return (['p50', 'p99'] as const).flatMap((kind): Figure[] => {
    const all = {
      unit: 'ms',
      ours: of(memory, kind),
      floor: of(floor, kind),
      peer: of(nest, kind),
      peerName: NEST,
    };
    return [
      { metric: `one at a time, ${kind}`, ...all, goal: { of: 'floor', atMost: 1.3 } },
      { metric: `one at a time, ${kind}, beside Nest`, ...all, goal: { of: 'peer', atMost: 0.3 } },
    ];
  });
}

function inFlight({ memory, redis, floor, nest }: Samples<keyof Sides>): Figure[] {
  const beside = (ours: readonly Sample[], kind: keyof Sample) => ({
    ours: of(ours, kind),
    floor: of(floor, kind),
    peer: of(nest, kind),
    peerName: NEST,
  });
  const rate = { unit: 'round trips/s' };
  const core = { unit: 'round trips/s of one core' };
  const metric = 'in flight together';
  const redisMetric = `${metric}, time to live in Redis`;
  return [
    { metric, ...rate, ...beside(memory, 'rate'), goal: { of: 'peer', atLeast: 3 } },
    { metric, ...core, ...beside(memory, 'ofOneCore') },
    { metric: redisMetric, ...rate, ...beside(redis, 'rate'), goal: { of: 'peer', atLeast: 1.5 } },
    { metric: redisMetric, ...core, ...beside(redis, 'ofOneCore') },
  ];
}

function of(samples: readonly Sample[], kind: keyof Sample): number[] {
  return samples.map((sample) => sample[kind]);
}

function measured<N extends keyof Sides>(
  rounds: number,
  sides: Readonly<Record<N, Side>>,
  count: number,
  flying: number,
): Promise<Record<N, Sample[]>> {
  const names = Object.keys(sides) as N[];
  const variants = Object.fromEntries(names.map((name) => [name, () => measure(sides[name], count, flying)]));
  return interleave<Sample, N>(rounds, variants as Record<N, () => Promise<Sample>>);
}

async function measure({ requesters, cpu }: Side, count: number, flying: number): Promise<Sample> {
  const before = await cpu();
  const { took, waits } = await requesters.ask.ask(count, flying);
  const used = (await cpu()) - before;
  const [p50, p99] = [percentile(waits, 0.5), percentile(waits, 0.99)];
  return { p50, p99, rate: (count * 1_000) / took, ofOneCore: (count * 1_000) / used };
}

async function allSides(site: BenchSite, writer: EventWriter, clients: number): Promise<Sides> {
  const topic = (name: string) => `${name}-${randomUUID()}`;
  const [inMemory, inRedis, bare, replies, nests] = [
    topic('memory'),
    topic('redis'),
    topic('floor'),
    topic('replies'),
    topic('nest'),
  ];
  await writer.create([inMemory, inRedis, bare, replies, nests, `${nests}.reply`], PARTITIONS);
  const floor = site.start<KafkajsFloor>(PROCESSES.kafkajsFloor);
  const nest = site.start<NestPeer>(PROCESSES.nestPeer);
  const { redis: _, ...withoutRedis } = gatewayOptions(site, [inMemory]);
  const side = async (cpu: Side['cpu'], url: Promise<string>, on: string): Promise<Side> => {
    const requesters = site.start<Requesters>(PROCESSES.requesters, { nice: 10 });
    await requesters.ask.open(await url, on, clients);
    return { requesters, cpu };
  };
  const ourSide = (on: string, options: ReturnType<typeof gatewayOptions>): Promise<Side> => {
    const echo = site.start<EchoProcess>(PROCESSES.echo, { profiled: true });
    return side(echo.ask.cpu, echo.ask.start({ ...options, service: on }, on), on);
  };
  const [memory, redis, floors, nestjs] = await Promise.all([
    ourSide(inMemory, withoutRedis),
    ourSide(inRedis, gatewayOptions(site, [inRedis])),
    side(floor.ask.cpu, floor.ask.start(site.brokers, bare, replies), bare),
    side(nest.ask.cpu, nest.ask.start(site.brokers, nests, PARTITIONS), nests),
  ]);
  return { memory, redis, floor: floors, nest: nestjs };
}
