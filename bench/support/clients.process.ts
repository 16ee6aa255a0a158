import { answer } from './child.process.js';
import { BenchClient, type BenchHello, type OnBroadcast } from './bench.client.js';
import { now } from './clock.js';
import { sentAt } from './event.record.js';

/** Handshakes under way at the same time: a server's backlog holds no more than some hundreds. */
const HANDSHAKES = 200;
/** How long clients wait for what they missed, in milliseconds. */
const PATIENCE = 150_000;

let clients: BenchClient[] = [];
let latencies: number[] | undefined;
/** Broadcasts that all sockets got together, and how many of them somebody waits for. */
let received = 0;
let awaited = Infinity;
let arrived: (at: number) => void = () => undefined;
let arrival: Promise<number>;

const take: OnBroadcast = (buffer, start, end) => {
  if (latencies) latencies.push(now() - sentAt(buffer, start, end)!);
  if (++received >= awaited) arrived(now());
};

/** How clients caught up. */
export interface CaughtUp {
  /** From the first that connected to the last that had all, in milliseconds. */
  readonly took: number;
  /** The same for each client. */
  readonly waits: readonly number[];
  /** Broadcasts that each of them got. */
  readonly frames: readonly number[];
  /** Clients that were told so, and got as many as they were told. */
  readonly complete: number;
}

/** Opens sockets, as many at a time as may shake hands, and waits for something of each. */
async function each(
  url: string,
  hellos: readonly BenchHello[],
  then: (client: BenchClient) => Promise<unknown>,
): Promise<void> {
  const done: Promise<unknown>[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < hellos.length; index = next++) {
      const client = new BenchClient(url, hellos[index]!, take, addressOf(index));
      clients.push(client);
      done.push(then(client));
      await client.welcome.catch(() => undefined); // told by `then`
    }
  };
  await Promise.all(Array.from({ length: HANDSHAKES }, lane));
  const failed = (await Promise.allSettled(done)).find(({ status }) => status === 'rejected');
  if (failed) throw (failed as PromiseRejectedResult).reason;
}

/** On Linux clients come from addresses of their own, as in life; elsewhere there is one loopback address. */
function addressOf(index: number): string | undefined {
  return process.platform === 'linux' ? `127.1.${(index >> 8) & 255}.${index & 255}` : undefined;
}

const answers = {
  /**
   * Opens sockets; resolves when all are welcome.
   * @param timed whether the broadcasts that they get tell when they were sent
   */
  async open(url: string, hellos: readonly BenchHello[], timed = false): Promise<void> {
    latencies = timed ? [] : undefined;
    await each(url, hellos, (client) => client.welcome);
  },

  /** All connect at once, and wait until they have what they missed. */
  async catchUp(url: string, hellos: readonly BenchHello[]): Promise<CaughtUp> {
    latencies = undefined;
    const waits: number[] = [];
    const frames: number[] = [];
    let complete = 0;
    const begin = now();
    const limit = setTimeout(() => void answers.cut(), PATIENCE);
    await each(url, hellos, async (client) => {
      const opened = now();
      const recovered = await client.recovered.catch(() => undefined);
      waits.push(now() - opened);
      frames.push(client.frames);
      if (recovered?.complete) complete++;
    });
    clearTimeout(limit);
    return { took: now() - begin, waits, frames, complete };
  },

  /** Begins to count: before the first of them is sent, or it may be missed. */
  expect(count: number): void {
    awaited = received + count;
    arrival = new Promise((resolve) => (arrived = resolve));
  },

  /** Resolves when as many broadcasts as expected have come; with the time of the last. */
  received: (): Promise<number> => arrival,

  /** How long each broadcast took since this was last asked, in milliseconds. */
  latencies(): Float64Array {
    const taken = Float64Array.from(latencies ?? []);
    latencies = [];
    return taken;
  },

  /** Cuts all sockets. */
  async cut(): Promise<void> {
    for (const { socket } of clients) socket.cut();
    await Promise.all(clients.map(({ over }) => over));
    clients = [];
  },
};

export type Clients = typeof answers;

answer(answers);
