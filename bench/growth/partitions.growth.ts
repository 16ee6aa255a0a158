import { randomUUID } from 'node:crypto';
import type { BenchSite } from '../bench.case.js';
import type { EchoProcess } from '../support/echo.process.js';
import type { EventWriter } from '../support/event.writer.js';
import type { Figure } from '../support/figure.js';
import { gatewayOptions } from '../support/gateway.settings.js';
import { interleave } from '../support/interleave.js';
import { PROCESSES } from '../support/processes.js';
import type { Requesters } from '../support/requesters.process.js';
import { CLIENTS, roundTripFigures, type RoundTripWindow, trips } from './round-trip.window.js';

const PARTITIONS = [1, 3, 6, 12];
/** Round trips of a window. */
const WINDOW = { alone: 300, together: 4_000, bytes: 100 };
const QUICK_WINDOW = { alone: 100, together: 1_000, bytes: 100 };

/** The same round trips on topics of more and more partitions. */
export async function partitionsGrow(site: BenchSite, writer: EventWriter): Promise<Figure[]> {
  const variants: Record<string, () => Promise<RoundTripWindow>> = {};
  for (const count of PARTITIONS) variants[`of ${count}`] = await onPartitions(site, writer, count);
  site.tell(`topics of ${PARTITIONS.join(', ')} partitions`);
  const samples = await interleave<RoundTripWindow, string>(site.quick ? 1 : 3, variants);
  return PARTITIONS.flatMap((count) => roundTripFigures('partitions', count, samples[`of ${count}`]!));
}

async function onPartitions(
  site: BenchSite,
  writer: EventWriter,
  count: number,
): Promise<() => Promise<RoundTripWindow>> {
  const topic = `partitions-${randomUUID()}`;
  await writer.create([topic], count);
  const echo = site.start<EchoProcess>(PROCESSES.echo, { profiled: true });
  const requesters = site.start<Requesters>(PROCESSES.requesters, { nice: 10 });
  const url = await echo.ask.start({ ...gatewayOptions(site, [topic]), service: topic }, topic);
  await requesters.ask.open(url, topic, CLIENTS);
  return () => trips(echo, requesters, site.quick ? QUICK_WINDOW : WINDOW);
}
