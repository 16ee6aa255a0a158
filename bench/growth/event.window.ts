import { setTimeout as pause } from 'node:timers/promises';
import type { Child } from '../support/child.process.js';
import type { Clients } from '../support/clients.process.js';
import { now } from '../support/clock.js';
import { percentile } from '../support/percentiles.js';

/** How long is looked at each time, and before that nothing is counted, in milliseconds. */
const WINDOW = 4_000;
const QUICK_WINDOW = 1_500;

/** What events cost in a while. */
export interface EventWindow {
  /** From the stamp in the record to the client, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Cores that the gateways kept busy. */
  readonly cores: number;
}

/** Watches clients under a stream. @throws where nothing came */
export async function watch(
  clients: readonly Child<Clients>[],
  gateways: readonly { cpu(): Promise<number> }[],
  quick: boolean,
): Promise<EventWindow> {
  await latencies(clients);
  const [begin, before] = [now(), await cpuOf(gateways)];
  await pause(quick ? QUICK_WINDOW : WINDOW);
  const [took, used] = [now() - begin, (await cpuOf(gateways)) - before];
  const waits = await latencies(clients);
  if (waits.length === 0) throw new Error('No event came to any client.');
  return { p50: percentile(waits, 0.5), p99: percentile(waits, 0.99), cores: used / took };
}

async function latencies(clients: readonly Child<Clients>[]): Promise<Float64Array> {
  const all = await Promise.all(clients.map((one) => one.ask.latencies()));
  const joined = new Float64Array(all.reduce((sum, some) => sum + some.length, 0));
  let at = 0;
  for (const some of all) {
    joined.set(some, at);
    at += some.length;
  }
  return joined;
}

async function cpuOf(gateways: readonly { cpu(): Promise<number> }[]): Promise<number> {
  const all = await Promise.all(gateways.map((one) => one.cpu()));
  return all.reduce((sum, one) => sum + one, 0);
}
