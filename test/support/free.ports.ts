import { createServer } from 'node:net';

/**
 * Below the range that Linux takes ports of outgoing connections from (32768 and up): a server that is killed and
 * started again must find its port still free.
 */
const LOWEST = 20_000;
const COUNT = 12_000;

/** That many different TCP ports of 127.0.0.1 on which nobody listens. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = LOWEST + Math.floor(Math.random() * COUNT);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
