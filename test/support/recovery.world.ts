import { randomUUID } from 'node:crypto';
import { Gateway } from '../../lib/gateway/gateway.js';
import { type GatewayLimits, GatewayOptions } from '../../lib/gateway/gateway.options.js';
import type { MessageLog } from '../../lib/log/message.log.js';
import type { OutgoingRecord } from '../../lib/message/record.js';
import { type Given, mergeOptions } from '../../lib/options.merge.js';
import { MemoryTimeoutScheduler } from '../../lib/timeout/memory/memory.timeout.scheduler.js';
import { HIDDEN, turns } from './odd.log.js';
import type { Random } from './random.js';
import { ModelClient } from './model.client.js';
import type { KnownRecord, ModelLog } from './recovery.story.js';
import { type ClientSocket, ScriptedSocket } from './scripted.socket.js';
import { resultRecord } from './written.result.js';

/** Types of events that leave the house. */
const TYPES = ['Bid.Created', 'Bid.Raised', 'Lot.Sold'] as const;
const WANTS = ['all', 'none', new Set(['Bid.Created']), new Set(['Lot.Sold', 'Bid.Raised'])] as const;
/** How long a run may take to come to rest, in milliseconds. */
const PATIENCE = 25_000;

/** The log of a run, and how many partitions each of its topics has. */
export interface ModelSource {
  readonly log: MessageLog;
  readonly topics: readonly string[];
  readonly partitions: number;
  /** Records that a partition keeps. */
  readonly retention: number;
}

/** A gateway, as clients come to it. */
interface Door {
  open(): Promise<ClientSocket>;
  stop(): Promise<void>;
}

/** A log, gateways that read it, and clients that come and go, all at the same time. */
export class RecoveryWorld implements ModelLog {
  readonly clients: ModelClient[] = [];
  private readonly doors: Door[] = [];
  private readonly known = new Map<string, KnownRecord[]>();
  private readonly knownEnds = new Map<string, bigint>();
  private readonly requests: { client: ModelClient; requestId: string; topic: string; partition: number }[] = [];
  private readonly random: Random;

  constructor(
    random: Random,
    private readonly source: ModelSource,
    readonly replay: bigint,
    /** How long clients do nothing. */
    private readonly idle: (own: Random) => Promise<unknown> = (own) => turns(own.upTo(12)),
  ) {
    this.random = random.fork();
  }

  get topics(): readonly string[] {
    return this.source.topics;
  }

  ends(): Map<string, bigint> {
    return new Map(this.knownEnds);
  }

  starts(): Map<string, bigint> {
    const kept = BigInt(this.source.retention);
    return new Map([...this.ends()].map(([key, end]) => [key, end > kept ? end - kept : 0n]));
  }

  /** Starts a gateway without a network. */
  async startGateway(limits: Given<GatewayLimits>): Promise<void> {
    const options = mergeOptions(new GatewayOptions(), this.options(limits), 'gateway', []);
    const gateway = new Gateway('model', options, this.source.log, new MemoryTimeoutScheduler(), { asks: [] } as never);
    this.addDoor({ open: () => ScriptedSocket.to(gateway), stop: () => gateway.stop() });
    await gateway.start();
  }

  addDoor(door: Door): void {
    this.doors.push(door);
  }

  options(limits: Given<GatewayLimits>): Given<GatewayOptions> {
    return { broadcast: { 'Bid.*': 'data', 'Lot.Sold': 'metadata' }, topics: this.topics, limits };
  }

  async stop(): Promise<void> {
    for (const client of this.clients) client.cut();
    await Promise.all(this.doors.map((door) => door.stop()));
  }

  addClient(): ModelClient {
    const client = new ModelClient(this.random, this);
    this.clients.push(client);
    return client;
  }

  /** Writes records of all kinds; resolves when the log has them. */
  async write(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, () => this.publish(this.anything())));
  }

  /** What a client may do to make it hard: it comes and goes, wants something else, and reads now and then. */
  async live(client: ModelClient, random: Random, steps: number): Promise<void> {
    for (let i = 0; i < steps; i++) {
      if (!client.socket) {
        if (random.chance(0.1)) client.forget(random.pick(this.topics));
        await this.connect(client, random);
      } else {
        const action = random.next();
        if (action < 0.15) client.cut();
        else if (action < 0.4) client.subscribe(random.pick(this.topics), random.pick(WANTS));
        else if (action < 0.5) client.socket.stall();
        else if (action < 0.7) client.socket.drain();
      }
      await this.idle(random);
    }
  }

  /** Lets all clients catch up with the end of the log. @returns what went wrong, in words */
  async rest(): Promise<string[]> {
    const patience = performance.now() + PATIENCE;
    const comesToRest = async (isDone: (client: ModelClient) => boolean): Promise<boolean> => {
      for (;;) {
        const busy = this.clients.filter((client) => !client.socket || !isDone(client));
        if (busy.length === 0) return true;
        if (performance.now() > patience) return false;
        for (const client of busy) await this.keepGoing(client);
        await turns(5);
      }
    };
    if (!(await comesToRest((client) => client.settled))) return ['not all clients were recovered in time'];
    const ends = await this.writeMarkers();
    const isAtEnd = (client: ModelClient): boolean => ends.every(([key, offset]) => client.has(key, offset));
    if (!(await comesToRest(isAtEnd))) return ['not all clients came to the end of the log'];
    const sorted = new Map([...this.known].map(([key, all]) => [key, all.sort(byOffset)]));
    return this.clients.flatMap((client, index) => client.judge(sorted).map((fault) => `client ${index}: ${fault}`));
  }

  private async connect(client: ModelClient, random: Random): Promise<void> {
    client.hello(await random.pick(this.doors).open());
  }

  private async keepGoing(client: ModelClient): Promise<void> {
    if (!client.socket) await this.connect(client, this.random);
    client.socket?.drain();
    for (const topic of this.topics) if (client.wanted(topic) !== 'all') client.subscribe(topic, 'all');
  }

  private async writeMarkers(): Promise<(readonly [key: string, offset: bigint])[]> {
    const places = this.topics.flatMap((topic) =>
      Array.from({ length: this.source.partitions }, (_, partition) => ({ topic, partition })),
    );
    return Promise.all(
      places.map(async ({ topic, partition }) => {
        const offset = await this.publish({ ...event('Bid.Created', topic, partition), type: 'Bid.Created' });
        return [`${topic}/${partition}`, offset] as const;
      }),
    );
  }

  private async publish({ record, ...about }: Written): Promise<bigint> {
    const { topic, partition, offset } = await this.source.log.publish(record);
    const key = `${topic}/${partition}`;
    const known = this.known.get(key) ?? [];
    known.push({ kind: 'nothing', ...about, offset });
    this.known.set(key, known);
    if (offset >= (this.knownEnds.get(key) ?? 0n)) this.knownEnds.set(key, offset + 1n);
    return offset;
  }

  private anything(): Written {
    const { random } = this;
    const topic = random.pick(this.topics);
    const partition = random.upTo(this.source.partitions - 1);
    const kind = random.next();
    if (kind < 0.15) return this.result(topic, partition);
    if (kind < 0.25)
      return { record: { topic, partition, key: 'k', value: '{}', headers: { ce_type: 'command.PlaceBid' } } };
    const type = random.chance(0.1) ? 'Payment.Made' : random.pick(TYPES);
    const written = event(type, topic, partition);
    const isHidden = random.chance(0.1);
    if (isHidden) return { record: { ...written.record, headers: { ...written.record.headers, [HIDDEN]: '1' } } };
    return type === 'Payment.Made' ? { record: written.record } : written;
  }

  /** The first terminal record of a request, or a second one. */
  private result(topic: string, partition: number): Written {
    const { random } = this;
    const again = random.chance(0.2) && random.pick(this.requests);
    const request = again || { client: random.pick(this.clients), requestId: randomUUID(), topic, partition };
    if (!again) this.requests.push(request);
    const { client, requestId } = request;
    const record = resultRecord({ identity: client }, request.topic, request.partition, requestId, {
      status: 'success',
    });
    return { record, kind: 'result', sessionId: client.sessionId, requestId };
  }
}

/** A record that is being written, and what is known of it. */
type Written = Partial<Omit<KnownRecord, 'offset'>> & { readonly record: OutgoingRecord };

function event(type: string, topic: string, partition: number): Written {
  const headers = { ce_specversion: '1.0', ce_id: randomUUID(), ce_source: '/test', ce_type: `event.${type}` };
  const value = JSON.stringify({ text: 'x'.repeat(50) });
  return { record: { topic, partition, key: 'lot-1', value, headers }, kind: 'event', type };
}

function byOffset(a: KnownRecord, b: KnownRecord): number {
  return a.offset < b.offset ? -1 : 1;
}
