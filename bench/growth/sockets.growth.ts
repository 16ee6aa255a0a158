import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { BenchSite } from '../bench.case.js';
import type { Child } from '../support/child.process.js';
import type { Clients } from '../support/clients.process.js';
import type { EventWriter } from '../support/event.writer.js';
import type { Figure } from '../support/figure.js';
import type { GatewayProcess } from '../support/gateway.process.js';
import { gatewayOptions } from '../support/gateway.settings.js';
import { openFileLimit } from '../support/open-file.limit.js';
import { PROCESSES } from '../support/processes.js';
import { type EventWindow, watch } from './event.window.js';
import { metricAt, plotted } from './plotted.figure.js';

const SOCKETS = [1_000, 2_000, 5_000, 10_000, 20_000];
const SOCKETS_QUICK = [500, 1_000, 2_000];
const PARTITIONS = 6;
/** Events a second, each of which every client gets. */
const PER_SECOND = 5;
/** Files that a process has open beside its sockets. */
const SPARE = 500;
/** Until those that were opened are at rest, in milliseconds. */
const SETTLE = 1_500;
const MIB = 1_048_576;

/** More and more sockets at one gateway, all of which get every event. */
export async function socketsGrow(site: BenchSite, writer: EventWriter): Promise<Figure[]> {
  const topic = `sockets-${randomUUID()}`;
  await writer.create([topic], PARTITIONS);
  const gateway = site.start<GatewayProcess>(PROCESSES.gateway, { profiled: true });
  const { url } = await gateway.ask.start(gatewayOptions(site, [topic]));
  const end = new AbortController();
  const written = writer.stream(topic, PER_SECOND, end.signal);
  written.catch(() => undefined); // told at the end
  const figures: Figure[] = [];
  const clients: Child<Clients>[] = [];
  let open = 0;
  for (const count of steps(site)) {
    site.tell(`${count} sockets`);
    clients.push(await more(site, url, topic, count - open));
    open = count;
    await pause(SETTLE);
    const windows: EventWindow[] = [];
    for (let round = 0; round < (site.quick ? 1 : 3); round++)
      windows.push(await watch(clients, [gateway.ask], site.quick));
    const { rss } = await gateway.ask.settledMemory();
    figures.push(...figuresOf(count, windows, rss / MIB));
  }
  end.abort();
  await written;
  return figures;
}

/** As many as this machine lets a process have. */
function steps({ quick, tell }: BenchSite): number[] {
  const most = openFileLimit() - SPARE;
  const wanted = quick ? SOCKETS_QUICK : SOCKETS;
  if (most < wanted.at(-1)!) tell(`a process may have ${most} sockets here, so that is the most`);
  return [...new Set(wanted.map((count) => Math.min(count, most)))];
}

async function more(site: BenchSite, url: string, topic: string, count: number): Promise<Child<Clients>> {
  const clients = site.start<Clients>(PROCESSES.clients, { nice: 10 });
  const hellos = Array.from({ length: count }, () => ({ channels: [topic] }));
  await clients.ask.open(url, hellos, true);
  return clients;
}

function figuresOf(x: number, windows: readonly EventWindow[], memory: number): Figure[] {
  const axis = 'sockets';
  const each = (of: keyof EventWindow) => windows.map((one) => one[of]);
  return [
    plotted({ axis, x, series: 'delivery p50', panel: 'latency' }, 'ms', each('p50')),
    plotted({ axis, x, series: 'delivery p99', panel: 'latency' }, 'ms', each('p99')),
    plotted({ axis, x, series: 'gateway', panel: 'cost' }, 'cores', each('cores')),
    { metric: metricAt('resident memory', axis, x), unit: 'MiB', ours: [memory] },
  ];
}
