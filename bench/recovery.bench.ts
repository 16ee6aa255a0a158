import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { BenchCase, BenchSite } from './bench.case.js';
import type { BenchHello } from './support/bench.client.js';
import type { Child } from './support/child.process.js';
import type { Clients } from './support/clients.process.js';
import { EventWriter } from './support/event.writer.js';
import type { Figure } from './support/figure.js';
import type { GatewayProcess } from './support/gateway.process.js';
import { gatewayOptions } from './support/gateway.settings.js';
import { interleave } from './support/interleave.js';
import { percentile } from './support/percentiles.js';
import { PROCESSES } from './support/processes.js';
import type { TemporaryConsumers } from './support/temporary-consumers.process.js';

const PARTITIONS = 3;
/** Records that each client missed, over all partitions. */
const MISSED = 300;
/** Records of each partition, of which clients missed the last ones. */
const HELD = 1_000;
/** A ring that newer records of another topic have filled, so that what was missed is no longer in it: bytes, and records. */
const SMALL_RING = 1_048_576;
const NEWER = 3_000;
/** Clients that are live meanwhile, on a topic of their own, and the events a second that they get. */
const WATCHERS = 50;
const PER_SECOND = 100;
/** How long they are watched in peace, in milliseconds. */
const CALM = 1_500;
/** Temporary consumers at the same time, of which the best is taken, and the clients that each is tried with. */
const CONCURRENCIES = [10, 25, 50, 100, 200];
const TRIED_WITH = 150;

interface Sample {
  /** Clients a second that have all they missed. */
  readonly rate: number;
  /** Processor time of the server for a client, in milliseconds. */
  readonly cpu: number;
  /** How long the slowest hundredth waited, from connecting on, in milliseconds. */
  readonly slowest: number;
  /** Clients that did not get all. */
  readonly incomplete: number;
  /** Live delivery to others meanwhile, and just before: the slowest hundredth, in milliseconds. */
  readonly live: number;
  readonly calm: number;
}

/** What takes part in each side's rounds. */
interface Storm {
  readonly site: BenchSite;
  readonly writer: EventWriter;
  readonly topic: string;
  readonly hellos: readonly BenchHello[];
  readonly clients: Child<Clients>;
}

/** Clients that were away come back all at once, to a gateway that they were never at. */
export const recovery: BenchCase = {
  name: 'recovery',
  needs: ['kafka', 'redis'],

  async run(site: BenchSite): Promise<Figure[]> {
    const count = site.quick ? 300 : 1_000;
    const topic = `recovery-${randomUUID()}`;
    const writer = new EventWriter(site.brokers);
    await writer.connect();
    try {
      await writer.create([topic], PARTITIONS);
      for (let partition = 0; partition < PARTITIONS; partition++) await writer.fill(topic, partition, HELD);
      const clients = site.start<Clients>(PROCESSES.clients, { nice: 10 });
      const storm: Storm = { site, writer, topic, clients, hellos: awaySince(topic, count) };
      const variants = {
        cold: await gatewaySide(storm, { ring: SMALL_RING }),
        warm: await gatewaySide(storm, {}),
        peer: await consumersSide(storm),
      };
      site.tell(`${count} clients that missed ${MISSED} records each`);
      const samples = await interleave<Sample, keyof typeof variants>(site.quick ? 2 : 5, variants);
      return [
        ...figures('from the log', samples.cold, samples.peer),
        ...figures('from the ring', samples.warm, samples.peer),
      ];
    } finally {
      await writer.close();
    }
  },
};

/** Clients that went at different moments, so that what they missed overlaps and is not the same. */
function awaySince(topic: string, clients: number): BenchHello[] {
  const each = MISSED / PARTITIONS;
  return Array.from({ length: clients }, (_, index) => {
    const more = index % each;
    const missed = [each + more, each - more, each];
    const positions = Object.fromEntries(missed.map((records, partition) => [partition, String(HELD - 1 - records)]));
    return { channels: [topic], positions: { [topic]: positions } };
  });
}

async function gatewaySide(storm: Storm, limits: { ring?: number }): Promise<() => Promise<Sample>> {
  const { site, writer, topic, clients, hellos } = storm;
  const liveTopic = `live-${randomUUID()}`;
  await writer.create([liveTopic], PARTITIONS);
  for (let partition = 0; partition < PARTITIONS; partition++)
    await writer.fill(liveTopic, partition, NEWER / PARTITIONS);
  const gateway = site.start<GatewayProcess>(PROCESSES.gateway, { profiled: true });
  const { url } = await gateway.ask.start(gatewayOptions(site, [topic, liveTopic], limits));
  const watchers = site.start<Clients>(PROCESSES.clients);
  await watchers.ask.open(
    url,
    Array.from({ length: WATCHERS }, () => ({ channels: [liveTopic] })),
    true,
  );
  return async () => {
    const end = new AbortController();
    const stream = writer.stream(liveTopic, PER_SECOND, end.signal);
    stream.catch(() => undefined); // told when it is waited for
    await pause(CALM / 3); // the stream sets in
    await watchers.ask.latencies();
    await pause(CALM);
    const calm = percentile(await watchers.ask.latencies(), 0.99);
    const sample = await stormOn(gateway.ask.cpu, url, clients, hellos);
    const live = percentile(await watchers.ask.latencies(), 0.99);
    end.abort();
    await stream;
    return { ...sample, live, calm };
  };
}

async function consumersSide({ site, topic, clients, hellos }: Storm): Promise<() => Promise<Sample>> {
  const consumers = site.start<TemporaryConsumers>(PROCESSES.temporaryConsumers);
  const url = await consumers.ask.start(site.brokers, topic);
  const serve = async (some: readonly BenchHello[]): Promise<Sample> => {
    const sample = await stormOn(consumers.ask.cpu, url, clients, some);
    if (sample.incomplete > 0) throw new Error(`${sample.incomplete} clients got not all from temporary consumers.`);
    return { ...sample, live: NaN, calm: NaN };
  };
  const tried: [rate: number, concurrency: number][] = [];
  for (const concurrency of CONCURRENCIES) {
    await consumers.ask.limit(concurrency);
    tried.push([(await serve(hellos.slice(0, TRIED_WITH))).rate, concurrency]);
  }
  const [rate, best] = tried.sort(([a], [b]) => b - a)[0]!;
  site.tell(`temporary consumers are best ${best} at a time (${Math.round(rate)} clients/s)`);
  await consumers.ask.limit(best);
  return () => serve(hellos);
}

/** All come back at once; they hang up when the last of them has all. */
async function stormOn(
  cpu: () => Promise<number>,
  url: string,
  clients: Child<Clients>,
  hellos: readonly BenchHello[],
): Promise<Omit<Sample, 'live' | 'calm'>> {
  const before = await cpu();
  const { took, waits, frames, complete } = await clients.ask.catchUp(url, hellos);
  const used = (await cpu()) - before;
  await clients.ask.cut();
  const whole = frames.filter((count) => count === MISSED).length;
  return {
    rate: (hellos.length * 1_000) / took,
    cpu: used / hellos.length,
    slowest: percentile(waits, 0.99),
    incomplete: hellos.length - Math.min(whole, complete),
  };
}

function figures(from: string, ours: readonly Sample[], peer: readonly Sample[]): Figure[] {
  const of = (samples: readonly Sample[], kind: keyof Sample): number[] => samples.map((sample) => sample[kind]);
  const beside = { peerName: 'temporary kafkajs consumers' };
  return [
    {
      metric: `clients that caught up ${from}`,
      unit: 'clients/s',
      ours: of(ours, 'rate'),
      peer: of(peer, 'rate'),
      ...beside,
      goal: { of: 'peer', atLeast: 15 },
    },
    {
      metric: `the server's processor time for each, ${from}`,
      unit: 'ms',
      ours: of(ours, 'cpu'),
      peer: of(peer, 'cpu'),
      ...beside,
    },
    {
      metric: `a client's wait, p99, ${from}`,
      unit: 'ms',
      ours: of(ours, 'slowest'),
      peer: of(peer, 'slowest'),
      ...beside,
    },
    {
      metric: `clients that did not get all, ${from}`,
      unit: 'clients',
      ours: [Math.max(...of(ours, 'incomplete'))],
      goal: { of: 'ours', atMost: 0 },
    },
    // The floor is the same gateway in the seconds before.
    {
      metric: `live delivery to others meanwhile, p99, ${from}`,
      unit: 'ms',
      ours: of(ours, 'live'),
      floor: of(ours, 'calm'),
    },
  ];
}
