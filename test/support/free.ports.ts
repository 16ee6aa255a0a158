import { createServer } from 'node:net';

/**
 * Below the range that Linux takes ports of outgoing connections from (32768 and up): a server that is killed and
 * started again must find its port still free.
 */
const LOWEST = 20_000;
const COUNT = 12_000;
/** Suites that run side by side draw from a slice each, as do whoever are none: the ports of a server that is down for now are free. */
const SLICES = 4;
/** What this process was given, and may not be listening on yet, or now. */
const given = new Set<number>();

/** That many different TCP ports of 127.0.0.1 on which nobody listens. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = lowest() + Math.floor(Math.random() * (COUNT / SLICES));
    if (given.has(port)) continue;
    given.add(port); // before it is tried: two may draw at the same time
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

function lowest(): number {
  const suite = Number(process.env['VITEST_POOL_ID'] ?? 0);
  return LOWEST + (suite % SLICES) * (COUNT / SLICES);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
