import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { BenchSite } from '../bench.case.js';
import type { Clients } from '../support/clients.process.js';
import type { EventWriter } from '../support/event.writer.js';
import type { Figure } from '../support/figure.js';
import type { GatewayProcess } from '../support/gateway.process.js';
import { gatewayOptions } from '../support/gateway.settings.js';
import { PROCESSES } from '../support/processes.js';
import { type EventWindow, watch } from './event.window.js';
import { plotted } from './plotted.figure.js';

const GATEWAYS = [1, 2, 4];
const PARTITIONS = 6;
/** Clients of all gateways together, the events a second that each gets, and those that are for nobody. */
const CLIENTS = 200;
const PER_SECOND = 50;
const FOR_NOBODY = 1_000;
const INTERNAL = 'Stock.Counted';
/** Until the streams flow evenly, in milliseconds. */
const SETTLE = 1_500;

/** The same clients and the same records, on more and more gateways, each of which reads all of them. */
export async function gatewaysGrow(site: BenchSite, writer: EventWriter): Promise<Figure[]> {
  const topic = `gateways-${randomUUID()}`;
  await writer.create([topic], PARTITIONS);
  const end = new AbortController();
  const streams = [
    writer.stream(topic, PER_SECOND, end.signal),
    writer.stream(topic, FOR_NOBODY, end.signal, INTERNAL),
  ];
  const written = Promise.all(streams);
  written.catch(() => undefined); // told at the end
  const figures: Figure[] = [];
  for (const count of GATEWAYS) {
    site.tell(`${count} gateways`);
    figures.push(...figuresOf(count, await measure(site, topic, count)));
  }
  end.abort();
  await written;
  return figures;
}

function figuresOf(x: number, windows: readonly EventWindow[]): Figure[] {
  const axis = 'gateways';
  const cores = windows.map((one) => one.cores);
  return [
    plotted(
      { axis, x, series: 'delivery p50', panel: 'latency' },
      'ms',
      windows.map(({ p50 }) => p50),
    ),
    plotted(
      { axis, x, series: 'delivery p99', panel: 'latency' },
      'ms',
      windows.map(({ p99 }) => p99),
    ),
    plotted({ axis, x, series: 'all gateways', panel: 'cost' }, 'cores', cores),
    plotted(
      { axis, x, series: 'each of them', panel: 'cost' },
      'cores',
      cores.map((all) => all / x),
    ),
  ];
}

async function measure(site: BenchSite, topic: string, count: number): Promise<EventWindow[]> {
  const gateways = Array.from({ length: count }, () =>
    site.start<GatewayProcess>(PROCESSES.gateway, { profiled: true }),
  );
  const clients = site.start<Clients>(PROCESSES.clients, { nice: 10 });
  for (const gateway of gateways) {
    const { url } = await gateway.ask.start(gatewayOptions(site, [topic]));
    const hellos = Array.from({ length: CLIENTS / count }, () => ({ channels: [topic] }));
    await clients.ask.open(url, hellos, true);
  }
  await pause(SETTLE);
  const windows: EventWindow[] = [];
  for (let round = 0; round < (site.quick ? 1 : 3); round++)
    windows.push(
      await watch(
        [clients],
        gateways.map(({ ask }) => ask),
        site.quick,
      ),
    );
  await Promise.all([clients, ...gateways].map((one) => one.stop()));
  return windows;
}
