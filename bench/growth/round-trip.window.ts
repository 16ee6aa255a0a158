import type { Child } from '../support/child.process.js';
import type { EchoProcess } from '../support/echo.process.js';
import type { Figure } from '../support/figure.js';
import { percentile } from '../support/percentiles.js';
import type { Requesters } from '../support/requesters.process.js';
import { metricAt, plotted } from './plotted.figure.js';

/** Clients: far more than have something in flight, so that none comes near the frames that it may send in a second. */
export const CLIENTS = 200;
/** In flight where they do not wait for each other. */
const IN_FLIGHT = 100;

/** What round trips cost. */
export interface RoundTripWindow {
  /** One at a time, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** A second, with many in flight. */
  readonly rate: number;
  /** Processor time of gateway and handler for each of those, in milliseconds. */
  readonly cpu: number;
}

export async function trips(
  echo: Child<EchoProcess>,
  requesters: Child<Requesters>,
  { alone, together, bytes }: { alone: number; together: number; bytes: number },
): Promise<RoundTripWindow> {
  const { waits } = await requesters.ask.ask(alone, 1, bytes);
  const before = await echo.ask.cpu();
  const { took } = await requesters.ask.ask(together, IN_FLIGHT, bytes);
  const cpu = ((await echo.ask.cpu()) - before) / together;
  return { p50: percentile(waits, 0.5), p99: percentile(waits, 0.99), rate: (together * 1_000) / took, cpu };
}

export function roundTripFigures(axis: string, x: number, windows: readonly RoundTripWindow[]): Figure[] {
  const each = (of: keyof RoundTripWindow) => windows.map((one) => one[of]);
  return [
    plotted({ axis, x, series: 'round trip p50', panel: 'latency' }, 'ms', each('p50')),
    plotted({ axis, x, series: 'round trip p99', panel: 'latency' }, 'ms', each('p99')),
    plotted({ axis, x, series: 'a round trip', panel: 'cost' }, 'ms of a core', each('cpu')),
    { metric: metricAt(`${IN_FLIGHT} in flight`, axis, x), unit: 'round trips/s', ours: each('rate') },
  ];
}
