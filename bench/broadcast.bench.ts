import type { BenchCase, BenchSite } from './bench.case.js';
import { BenchClient } from './support/bench.client.js';
import type { Child } from './support/child.process.js';
import type { Clients } from './support/clients.process.js';
import { now } from './support/clock.js';
import type { Figure } from './support/figure.js';
import type { GatewayProcess } from './support/gateway.process.js';
import { interleave } from './support/interleave.js';
import { PROCESSES } from './support/processes.js';
import type { WsFloor } from './support/ws.floor.process.js';

const TOPIC = 'auction';

/** Events that are published at once, how often a round does that, and what is to be reached. */
const BURSTS = [
  { name: 'single event', events: 1, times: 20, goal: 1.4 },
  { name: 'bursts of 8', events: 8, times: 5, goal: 6 },
  { name: 'bursts of 32', events: 32, times: 2, goal: 20 },
];

/** A server, and its clients. */
interface Side {
  readonly clients: Child<Clients>;
  /** Sends events to all of them. */
  burst(events: number): Promise<void>;
  /** The server's processor time so far, in milliseconds. */
  cpu(): Promise<number>;
}

interface Sample {
  /** Deliveries in a second of the server's processor time: what one core delivers, whoever else wants the machine. */
  readonly ofOneCore: number;
  /** Deliveries a second, from the first event until the last client has the last one; on two cores the clients need as much as the server. */
  readonly toTheLast: number;
}

/**
 * Events to every client, through the whole gateway on the log in memory, beside `ws` alone with the same bytes: the floor makes
 * them once, the peer for each client.
 */
export const broadcast: BenchCase = {
  name: 'broadcast',
  needs: [],

  async run(site: BenchSite): Promise<Figure[]> {
    const sockets = site.quick ? 1_000 : 5_000;
    const rounds = site.quick ? 3 : 5;
    const { ours, text } = await gatewaySide(site, sockets);
    const [floor, peer] = await bareSides(site, sockets, text);
    const figures: Figure[] = [];
    for (const { name, events, times, goal } of BURSTS) {
      site.tell(`${name} to ${sockets} sockets`);
      const samples = await interleave(rounds, {
        ours: () => measure(ours, sockets, events, times),
        floor: () => measure(floor, sockets, events, times),
        peer: () => measure(peer, sockets, events, times),
      });
      const figure = (kind: keyof Sample) => ({
        ours: samples.ours.map((sample) => sample[kind]),
        floor: samples.floor.map((sample) => sample[kind]),
        peer: samples.peer.map((sample) => sample[kind]),
        peerName: 'ws, stringify + send per client',
      });
      figures.push(
        { metric: name, unit: 'deliveries/s of one core', ...figure('ofOneCore'), goal: { of: 'peer', atLeast: goal } },
        { metric: `${name}, until the last client has it`, unit: 'deliveries/s', ...figure('toTheLast') },
      );
    }
    return figures;
  },
};

async function measure({ clients, burst, cpu }: Side, sockets: number, events: number, times: number): Promise<Sample> {
  const count = sockets * events;
  const before = await cpu();
  let took = 0;
  for (let i = 0; i < times; i++) {
    await clients.ask.expect(count);
    const begin = now();
    await burst(events);
    took += (await clients.ask.received()) - begin;
  }
  const used = (await cpu()) - before;
  const deliveries = count * times * 1_000;
  return { ofOneCore: deliveries / used, toTheLast: deliveries / took };
}

async function gatewaySide(site: BenchSite, sockets: number): Promise<{ ours: Side; text: string }> {
  const gateway = site.start<GatewayProcess>(PROCESSES.gateway, { profiled: true });
  const { url } = await gateway.ask.start({
    service: 'bench',
    gateway: { topics: [TOPIC], broadcast: { 'Bid.*': 'data' } },
  });
  const text = await oneFrame(url, () => gateway.ask.publish(TOPIC, 1));
  const clients = await connected(site, url, sockets);
  const { cpu, publish } = gateway.ask;
  return { text, ours: { clients, cpu, burst: (events) => publish(TOPIC, events) } };
}

async function bareSides(site: BenchSite, sockets: number, text: string): Promise<[floor: Side, peer: Side]> {
  const { ask } = site.start<WsFloor>(PROCESSES.wsFloor);
  const clients = await connected(site, await ask.start(), sockets);
  const side = { clients, cpu: ask.cpu };
  return [
    { ...side, burst: (events) => ask.sendBytes(text, events) },
    { ...side, burst: (events) => ask.sendObject(text, events) },
  ];
}

async function connected(site: BenchSite, url: string, sockets: number): Promise<Child<Clients>> {
  const clients = site.start<Clients>(PROCESSES.clients);
  await clients.ask.open(
    url,
    Array.from({ length: sockets }, () => ({ channels: [TOPIC] })),
  );
  return clients;
}

/** What a broadcast looks like, so that both sides send the same bytes. */
async function oneFrame(url: string, publish: () => Promise<void>): Promise<string> {
  let taken: (text: string) => void;
  const text = new Promise<string>((resolve) => (taken = resolve));
  const client = new BenchClient(url, { channels: [TOPIC] }, (...frame) => taken(textOf(...frame)));
  await client.welcome;
  await publish();
  const frame = await text;
  client.socket.cut();
  return frame;
}

function textOf(buffer: Buffer, start: number, end: number): string {
  return buffer.toString('utf8', start, end);
}
