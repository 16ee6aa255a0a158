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

/** What a request and its result carry: up to what a frame may have by default, less what stands around it. */
const BYTES = [200, 1_000, 4_000, 16_000, 64_000];
const PARTITIONS = 6;
/** Round trips of a window. */
const WINDOW = { alone: 200, together: 1_000 };
const QUICK_WINDOW = { alone: 50, together: 200 };

/** Round trips with more and more to carry, both ways. */
export async function payloadGrows(site: BenchSite, writer: EventWriter): Promise<Figure[]> {
  const topic = `payload-${randomUUID()}`;
  await writer.create([topic], PARTITIONS);
  const echo = site.start<EchoProcess>(PROCESSES.echo, { profiled: true });
  const requesters = site.start<Requesters>(PROCESSES.requesters, { nice: 10 });
  const url = await echo.ask.start({ ...gatewayOptions(site, [topic]), service: topic }, topic);
  await requesters.ask.open(url, topic, CLIENTS);
  site.tell(`payloads of ${BYTES.join(', ')} bytes`);
  const window = site.quick ? QUICK_WINDOW : WINDOW;
  const variants = BYTES.map((bytes) => [`of ${bytes}`, () => trips(echo, requesters, { ...window, bytes })] as const);
  const samples = await interleave<RoundTripWindow, string>(site.quick ? 1 : 3, Object.fromEntries(variants));
  return BYTES.flatMap((bytes) => roundTripFigures('bytes', bytes, samples[`of ${bytes}`]!));
}
