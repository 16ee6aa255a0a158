import { toBase64Url } from '../../lib/client/base64url.codec.js';
import { createIdentity } from '../../lib/client/client.identity.js';
import { ResultOpener } from '../../lib/client/result.opener.js';
import { addressOf } from './client.address.js';
import { answer } from './child.process.js';
import { now } from './clock.js';
import { RequestClient, type Requester } from './request.client.js';
import { Turns } from './turns.js';

/** Handshakes under way at the same time. */
const HANDSHAKES = 100;
/** Of so many answers one is opened and looked at. */
const LOOKED_AT = 20;
/** How long all answers of a run may take, in milliseconds. */
const PATIENCE = 120_000;

let clients: RequestClient[] = [];

/** What a run of requests took. All of them were answered, or there is an error instead. */
export interface Asked {
  /** From the first request to the last answer, in milliseconds. */
  readonly took: number;
  /** The same of each. */
  readonly waits: Float64Array;
}

/** Runs lanes of requests, one after the other each, until so many are answered; then looks at a sample of the answers. */
async function run(lanes: number, count: number, bytes: number): Promise<Asked> {
  const waits = new Float64Array(count);
  const note = 'x'.repeat(bytes);
  let next = 0;
  const lane = async (_: unknown, index: number): Promise<void> => {
    // Clients take turns in a lane, so that none of them comes near the frames that it may send in a second.
    for (let turn = index, one = next++; one < count; turn += lanes, one = next++)
      waits[one] = await clients[turn % clients.length]!.ask({ amount: one + 1, note }, one % LOOKED_AT === 0);
  };
  const begin = now();
  await limited(Promise.all(Array.from({ length: lanes }, lane)));
  const took = now() - begin;
  await checkAnswers(count);
  return { took, waits };
}

async function limited(work: Promise<unknown>): Promise<void> {
  let limit!: NodeJS.Timeout;
  const over = new Promise<never>((_, reject) => {
    limit = setTimeout(() => reject(new Error(`Not all requests were answered in ${PATIENCE} ms.`)), PATIENCE);
  });
  await Promise.race([work, over]).finally(() => clearTimeout(limit));
}

async function checkAnswers(count: number): Promise<void> {
  const checks = await Promise.all(clients.map((client) => client.check()));
  const opened = checks.reduce((sum, check) => sum + check.opened, 0);
  const wrong = checks.reduce((sum, check) => sum + check.wrong, 0);
  if (wrong > 0 || opened !== Math.ceil(count / LOOKED_AT))
    throw new Error(`Of ${opened} answers that were opened ${wrong} do not say what they should.`);
}

async function requester(): Promise<Requester> {
  const { sessionId, keyPair } = await createIdentity();
  const publicKey = new Uint8Array(await crypto.subtle.exportKey('raw', keyPair.publicKey));
  return { sessionId, publicKey: toBase64Url(publicKey), opener: new ResultOpener(keyPair.privateKey, publicKey) };
}

const answers = {
  /** Opens so many sockets; resolves when all are welcome. */
  async open(url: string, topic: string, count: number): Promise<void> {
    const turns = new Turns(HANDSHAKES);
    const opening = Array.from({ length: count }, (_, index) =>
      turns.run(async () => {
        const client = new RequestClient(url, topic, await requester(), addressOf(index));
        clients.push(client);
        await client.welcome;
      }),
    );
    await Promise.all(opening);
  },

  /**
   * Asks so often, with so many requests in flight at the same time, never two of one client.
   * @param bytes what each carries along beside the rest
   */
  ask: (count: number, inFlight: number, bytes = 100): Promise<Asked> => run(inFlight, count, bytes),

  /** Cuts all sockets. */
  cut(): void {
    for (const { socket } of clients) socket.cut();
    clients = [];
  },
};

export type Requesters = typeof answers;

answer(answers);
