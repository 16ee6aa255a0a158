import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { Random } from './random.js';
import { type KnownLog, type ModelLog, RecoveryStory, type Wants } from './recovery.story.js';
import type { ClientSocket } from './scripted.socket.js';

interface Asked {
  readonly topic: string;
  readonly wants: Wants;
  /** Where the client stood when it asked. */
  readonly stood: ReadonlyMap<string, bigint>;
}

const KEYS = Array.from({ length: 8 }, () => {
  const { x, y } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
  return Buffer.concat([Buffer.of(4), Buffer.from(x!, 'base64url'), Buffer.from(y!, 'base64url')]).toString(
    'base64url',
  );
});

/**
 * A client that follows PROTOCOL.md's rules for positions to the letter, and knows from the positions in the answers exactly
 * which records have to come. So its whole life, over many sockets, can be held against the log.
 */
export class ModelClient {
  readonly sessionId = randomBytes(16).toString('base64url');
  readonly publicKey: string;
  /** What went wrong at once. */
  readonly faults: string[] = [];
  /** Recoveries that were seen to their end, and those of them that were not complete. */
  recoveries = 0;
  losses = 0;
  socket: ClientSocket | undefined;
  welcome = false;
  private epoch: string | undefined;
  private readonly positions = new Map<string, bigint>();
  private readonly story: RecoveryStory;
  private readonly wants = new Map<string, Wants>();
  /** Subscriptions that are not answered yet. */
  private asked: Asked[] = [];
  /** Topics whose `recovered` is due, and frames of them so far. */
  private readonly recovering = new Map<string, number>();
  /** Topics of which this gateway has said that something is left out, and why. */
  private readonly announced = new Map<string, string>();
  /** The log's ends when the hello was sent, of partitions whose missed records it asked for. */
  private missedUpTo: ReadonlyMap<string, bigint> = new Map();

  constructor(
    random: Random,
    private readonly log: ModelLog,
  ) {
    this.publicKey = random.pick(KEYS);
    this.story = new RecoveryStory(log, this.sessionId);
    for (const topic of log.topics) this.wants.set(topic, 'none');
  }

  /** Takes a new socket and says hello on it. */
  hello(socket: ClientSocket): void {
    this.socket = socket;
    this.recovering.clear();
    this.announced.clear();
    this.missedUpTo = new Map([...this.log.ends()].filter(([key]) => this.positions.has(key)));
    socket.onText = (text) => socket === this.socket && this.take(JSON.parse(text) as { event: string; data: any });
    socket.onClose = () => socket === this.socket && this.closed();
    const { sessionId, publicKey, epoch } = this;
    const open = [...this.wants].filter(([, wants]) => wants !== 'none');
    const types = Object.fromEntries(
      open.flatMap(([topic, wants]) => (wants instanceof Set ? [[topic, [...wants]]] : [])),
    );
    const positions: Record<string, Record<string, string>> = {};
    for (const [key, offset] of this.positions) (positions[topicOf(key)] ??= {})[partitionOf(key)] = String(offset);
    for (const topic of Object.keys(positions)) this.recovering.set(topic, 0);
    const known = epoch === undefined ? {} : { epoch, positions };
    this.send('hello', { sessionId, publicKey, channels: open.map(([topic]) => topic), types, ...known });
  }

  /** Subscribes a topic anew: to all, to some types, or to nothing. */
  subscribe(topic: string, wants: 'all' | 'none' | ReadonlySet<string>): void {
    if (!this.welcome) return;
    this.asked.push({ topic, wants, stood: new Map(this.positions) });
    this.wants.set(topic, wants);
    const types = wants instanceof Set ? { types: [...wants] } : {};
    this.send(wants === 'none' ? 'unsubscribe' : 'subscribe', { channels: [topic], ...types });
  }

  cut(): void {
    this.socket?.cut();
    this.closed();
  }

  /** Whether it has nothing to wait for but records. */
  get settled(): boolean {
    return this.welcome && this.asked.length === 0 && this.recovering.size === 0;
  }

  /** Forgets where it stands in a topic, so that it hears of it only what is live. */
  forget(topic: string): void {
    for (const [key, offset] of this.positions) {
      if (topicOf(key) !== topic) continue;
      this.story.turnOver(key, offset);
      this.positions.delete(key);
    }
  }

  /** What it wants of a topic's events. */
  wanted(topic: string): Wants {
    return this.wants.get(topic)!;
  }

  /** Whether it is done with a record. */
  has(key: string, offset: bigint): boolean {
    return (this.positions.get(key) ?? -1n) >= offset;
  }

  /** What went wrong, in words. */
  judge(log: KnownLog): string[] {
    return [...this.faults, ...this.story.judge(log)];
  }

  private send(event: string, data: unknown): void {
    this.socket?.send(JSON.stringify({ event, data }));
  }

  private take({ event, data }: { event: string; data: any }): void {
    if (event === 'welcome') this.begin(data);
    else if (event === 'incomplete') this.incomplete(data);
    else if (event === 'recovered') this.endRecovery(data);
    else if (event === 'subscribed' || event === 'unsubscribed') this.answered(data);
    else if (event === 'ping') this.merge(data.positions);
    else if (event.startsWith('socket/')) this.record(data.at, event);
    else this.faults.push(`${event} came: ${JSON.stringify(data)}`);
    if (event === 'ping') this.send('pong', {});
  }

  private begin(data: any): void {
    this.welcome = true;
    this.epoch = data.epoch;
    for (const topic of this.log.topics) {
      for (const [partition, text] of Object.entries<string>(data.positions[topic])) {
        const key = `${topic}/${partition}`;
        const asked = this.positions.get(key);
        const offset = BigInt(text);
        if (asked !== undefined && offset < asked) this.faults.push(`welcome went back to ${key}/${text}`);
        this.story.note(key, asked ?? offset, this.wants.get(topic)!);
        this.positions.set(key, offset);
      }
    }
  }

  private endRecovery({ topic, complete, reason, count }: any): void {
    const came = this.recovering.get(topic);
    if (came === undefined) this.faults.push(`recovered came for ${topic} without being due`);
    else if (came !== count) this.faults.push(`recovered says ${count} for ${topic}, and ${came} came`);
    this.recovering.delete(topic);
    this.recoveries++;
    if (complete === this.announced.has(topic))
      this.faults.push(`${topic} is ${complete}ly recovered, unlike announced`);
    if (complete) return;
    this.losses++;
    this.excuse(topic, reason);
  }

  private incomplete({ topic, reason }: any): void {
    if (!this.recovering.has(topic)) this.faults.push(`incomplete came for ${topic}, which is recovered`);
    this.announced.set(topic, reason);
    this.excuse(topic, reason);
  }

  private excuse(topic: string, reason: string): void {
    if (reason === 'retention' || reason === 'limit') this.story.excuse(topic, reason);
    else this.faults.push(`${topic} is incomplete for ${reason}`);
  }

  private answered({ channels: [topic], positions }: any): void {
    const asked = this.asked.shift();
    if (asked?.topic !== topic) this.faults.push(`an answer for ${topic} came instead of one for ${asked?.topic}`);
    for (const [partition, text] of Object.entries<string>(positions[topic] ?? {})) {
      this.story.note(`${topic}/${partition}`, BigInt(text), asked!.wants);
    }
    this.merge(positions);
  }

  private merge(positions: Record<string, Record<string, string>>): void {
    for (const [topic, partitions] of Object.entries(positions)) {
      for (const [partition, text] of Object.entries(partitions)) this.raise(`${topic}/${partition}`, BigInt(text));
    }
  }

  private raise(key: string, offset: bigint): void {
    if (offset > (this.positions.get(key) ?? -1n)) this.positions.set(key, offset);
  }

  private record([topic, partition, text]: [string, number, string], event: string): void {
    const key = `${topic}/${partition}`;
    const offset = BigInt(text);
    const done = this.positions.get(key);
    if (done !== undefined && offset <= done)
      this.faults.push(`${event} at ${key}/${text} came though ${done} was done`);
    if (!this.recovering.has(topic) && offset < (this.missedUpTo.get(key) ?? 0n))
      this.faults.push(`${key}/${text} was in the log at the hello, and came after recovered`);
    this.raise(key, offset);
    this.story.took(key, offset);
    if (this.recovering.has(topic)) this.recovering.set(topic, this.recovering.get(topic)! + 1);
  }

  private closed(): void {
    this.socket = undefined;
    this.welcome = false;
    for (const [topic, reason] of this.announced) if (this.recovering.has(topic)) this.excuse(topic, reason);
    const [first] = this.asked;
    this.asked = [];
    // Whether it was done before the socket closed nobody knows.
    for (const [key, offset] of first?.stood ?? []) {
      if (topicOf(key) === first!.topic) this.story.note(key, offset, 'unsure');
    }
  }
}

function topicOf(key: string): string {
  return key.slice(0, key.indexOf('/'));
}

function partitionOf(key: string): string {
  return key.slice(key.indexOf('/') + 1);
}
