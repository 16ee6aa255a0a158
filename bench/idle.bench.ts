import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { BenchCase, BenchSite } from './bench.case.js';
import type { Child } from './support/child.process.js';
import type { Clients } from './support/clients.process.js';
import { EventWriter } from './support/event.writer.js';
import type { Figure } from './support/figure.js';
import type { GatewayProcess } from './support/gateway.process.js';
import { gatewayOptions } from './support/gateway.settings.js';
import { interleave } from './support/interleave.js';
import { PROCESSES } from './support/processes.js';
import type { Memory } from './support/process.use.js';
import type { WsFloor } from './support/ws.floor.process.js';

const PARTITIONS = 6;
/** Sockets that are opened before anything is measured: what the first of all cost is nobody's share. */
const FIRST = 200;
/** How long processor time is watched, in milliseconds: each client is pinged once. */
const REST = 25_000;

interface Sample {
  /** KiB a connection: resident, and held by JavaScript and outside its heap. */
  readonly resident: number;
  readonly held: number;
  /** Microseconds of processor time a second, a connection; not of the floor, which never asks after its clients. */
  readonly cpu: number;
}

/** A server of sockets that nothing happens on. */
interface Server {
  readonly url: string;
  readonly ask: { settledMemory(): Promise<Memory>; cpu(): Promise<number> };
  stop(): Promise<void>;
}

/** Connections that nothing happens on: what each takes of memory, and of the processor to know that it is still there. */
export const idle: BenchCase = {
  name: 'idle',
  needs: ['kafka', 'redis'],

  async run(site: BenchSite): Promise<Figure[]> {
    const sockets = site.quick ? 2_000 : 10_000;
    const topic = `idle-${randomUUID()}`;
    const writer = new EventWriter(site.brokers);
    await writer.connect();
    try {
      await writer.create([topic], PARTITIONS);
      site.tell(`${sockets} sockets at rest`);
      const rest = site.quick ? 0 : REST;
      const samples = await interleave<Sample, 'ours' | 'floor'>(
        site.quick ? 1 : 3,
        {
          ours: async () => measure(site, await gateway(site, topic), topic, sockets, rest),
          floor: async () => measure(site, await bare(site), topic, sockets, 0),
        },
        0,
      );
      return figures(samples);
    } finally {
      await site.stop(); // before its topic is gone
      await writer.close();
    }
  },
};

function figures({ ours, floor }: Readonly<Record<'ours' | 'floor', readonly Sample[]>>): Figure[] {
  const both = (kind: keyof Sample) => ({ ours: ours.map((one) => one[kind]), floor: floor.map((one) => one[kind]) });
  const rest = ours.map(({ cpu }) => cpu).filter((cpu) => !Number.isNaN(cpu));
  return [
    { metric: 'resident memory a connection', unit: 'KiB', ...both('resident'), goal: { of: 'floor', atMost: 1.5 } },
    { metric: 'heap and external memory a connection', unit: 'KiB', ...both('held') },
    ...(rest.length > 0 ? [{ metric: 'processor time a connection at rest', unit: 'µs/s', ours: rest }] : []),
  ];
}

async function measure(site: BenchSite, server: Server, topic: string, sockets: number, rest: number): Promise<Sample> {
  const clients = site.start<Clients>(PROCESSES.clients, { nice: 10 });
  await open(clients, server.url, topic, FIRST);
  const before = await server.ask.settledMemory();
  await open(clients, server.url, topic, sockets);
  const after = await server.ask.settledMemory();
  const cpu = rest > 0 ? (await restingCost(server, rest)) / (sockets + FIRST) : NaN;
  await clients.ask.cut();
  await Promise.all([clients.stop(), server.stop()]);
  const each = (kind: keyof Memory) => (after[kind] - before[kind]) / sockets / 1_024;
  return { resident: each('rss'), held: each('held'), cpu };
}

function open(clients: Child<Clients>, url: string, topic: string, count: number): Promise<void> {
  return clients.ask.open(
    url,
    Array.from({ length: count }, () => ({ channels: [topic] })),
  );
}

/** Microseconds a second. */
async function restingCost({ ask }: Server, rest: number): Promise<number> {
  const before = await ask.cpu();
  await pause(rest);
  return (((await ask.cpu()) - before) / (rest / 1_000)) * 1_000;
}

async function gateway(site: BenchSite, topic: string): Promise<Server> {
  const child = site.start<GatewayProcess>(PROCESSES.gateway, { profiled: true });
  const { url } = await child.ask.start(gatewayOptions(site, [topic]));
  return { url, ask: child.ask, stop: () => child.stop() };
}

async function bare(site: BenchSite): Promise<Server> {
  const floor = site.start<WsFloor>(PROCESSES.wsFloor);
  return { url: await floor.ask.start(), ask: floor.ask, stop: () => floor.stop() };
}
