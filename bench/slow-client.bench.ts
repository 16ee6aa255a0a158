import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { CloseCode } from '../lib/protocol/close-codes.js';
import type { BenchCase, BenchSite } from './bench.case.js';
import { BenchClient } from './support/bench.client.js';
import type { Child } from './support/child.process.js';
import type { Clients } from './support/clients.process.js';
import { now } from './support/clock.js';
import { EventWriter } from './support/event.writer.js';
import type { Figure } from './support/figure.js';
import type { GatewayProcess } from './support/gateway.process.js';
import { gatewayOptions } from './support/gateway.settings.js';
import { OffsetCheck } from './support/offset.check.js';
import { percentile } from './support/percentiles.js';
import { PROCESSES } from './support/processes.js';

const PARTITIONS = 3;
const PER_SECOND = 2_000;
/** Clients that read all the time. */
const OTHERS = 10;
/** How long a gateway gets until its memory and its compiled code have settled, in milliseconds. */
const SETTLE = 3_000;
const MIB = 1_048_576;

interface Sample {
  /** The most that the gateway's process had meanwhile, in MiB. */
  readonly held: number;
  readonly rss: number;
  /** Delivery to the clients that read, p99, in milliseconds. */
  readonly others: number;
}

interface DeafSample extends Sample {
  /** From the last byte that was read until the gateway gave up, in seconds. */
  readonly closedAfter: number;
  /** Records that it has not, or has twice, once it came back. */
  readonly wrong: number;
}

/** A client that stops reading under a full stream; the floor is the same gateway, in a process of its own, when all read. */
export const slowClient: BenchCase = {
  name: 'slow-client',
  needs: ['kafka', 'redis'],

  async run(site: BenchSite): Promise<Figure[]> {
    const silence = site.quick ? 10_000 : 60_000;
    site.tell(`${silence / 1_000} s in which everybody reads`);
    const calm = await underStream(site, (stream) => stream.watch(silence));
    site.tell(`${silence / 1_000} s in which one does not`);
    const deaf = await underStream(site, (stream) => goDeaf(stream, silence));
    const beside = (kind: keyof Sample) => ({ ours: [deaf[kind]], floor: [calm[kind]] });
    return [
      { metric: 'heap and external memory, peak', unit: 'MiB', ...beside('held'), goal: { of: 'floor', atMost: 1.25 } },
      { metric: 'resident memory, peak', unit: 'MiB', ...beside('rss') },
      {
        metric: 'until it is closed with 4008',
        unit: 's',
        ours: [deaf.closedAfter],
        goal: { of: 'ours', atMost: silence / 1_000 },
      },
      {
        metric: 'records missing or doubled after it came back',
        unit: 'records',
        ours: [deaf.wrong],
        goal: { of: 'ours', atMost: 0 },
      },
      { metric: 'delivery to the other clients, p99', unit: 'ms', ...beside('others') },
    ];
  },
};

/** A gateway under a full stream. */
interface Stream {
  readonly url: string;
  readonly topic: string;
  readonly gateway: Child<GatewayProcess>;
  /** Watches the gateway's memory, and the clients that read, for so long. */
  watch(milliseconds: number): Promise<Sample>;
  /** Ends the stream; where each partition ends then. */
  end(): Promise<ReadonlyMap<number, number>>;
}

async function underStream<S>(site: BenchSite, what: (stream: Stream) => Promise<S>): Promise<S> {
  const topic = `slow-${randomUUID()}`;
  const writer = new EventWriter(site.brokers);
  const gateway = site.start<GatewayProcess>(PROCESSES.gateway, { profiled: true });
  const others = site.start<Clients>(PROCESSES.clients);
  const ending = new AbortController();
  await writer.connect();
  try {
    await writer.create([topic], PARTITIONS);
    const { url } = await gateway.ask.start(gatewayOptions(site, [topic]));
    await others.ask.open(
      url,
      Array.from({ length: OTHERS }, () => ({ channels: [topic] })),
      true,
    );
    const written = writer.stream(topic, PER_SECOND, ending.signal);
    written.catch(() => undefined); // told when it is waited for
    await pause(SETTLE);
    const watch = async (milliseconds: number): Promise<Sample> => {
      await gateway.ask.watchMemory();
      await others.ask.latencies();
      await pause(milliseconds);
      const { held, rss } = await gateway.ask.peakMemory();
      return { held: held / MIB, rss: rss / MIB, others: percentile(await others.ask.latencies(), 0.99) };
    };
    const end = async () => {
      ending.abort();
      await written;
      return writer.ends(topic);
    };
    return await what({ url, topic, gateway, watch, end });
  } finally {
    ending.abort();
    await Promise.all([gateway.stop(), others.stop()]);
    await writer.close();
  }
}

async function goDeaf({ url, topic, gateway, watch, end }: Stream, silence: number): Promise<DeafSample> {
  const check = new OffsetCheck(topic);
  const client = new BenchClient(url, { channels: [topic] }, check.take);
  check.begin((await client.welcome).positions);
  await pause(1_000); // it is a client like the others, and then it is not
  client.socket.pause();
  const deafSince = now();
  const sample = await watch(silence);
  client.socket.resume(); // what the kernel kept for it comes first, and then that it is over
  await Promise.race([client.over, pause(5_000)]);
  client.socket.cut();
  const ends = await end();
  const again = new BenchClient(url, { channels: [topic], positions: check.positions }, check.take);
  await again.recovered;
  again.socket.cut();
  const closed = (await gateway.ask.closes()).find(({ code }) => code === CloseCode.tooSlow);
  return { ...sample, closedAfter: ((closed?.at ?? Infinity) - deafSince) / 1_000, wrong: check.wrong(ends) };
}
