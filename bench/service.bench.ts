import { randomUUID } from 'node:crypto';
import type { BenchCase, BenchSite } from './bench.case.js';
import { now } from './support/clock.js';
import { commandRecord, nestRecord } from './support/command.record.js';
import type { EventRecord } from './support/event.record.js';
import { EventWriter } from './support/event.writer.js';
import type { Figure } from './support/figure.js';
import { gatewayOptions } from './support/gateway.settings.js';
import type { HandlersProcess } from './support/handlers.process.js';
import { interleave } from './support/interleave.js';
import type { NestHandlers } from './support/nest.handlers.process.js';
import type { Work } from './support/order.check.js';
import { PROCESSES } from './support/processes.js';

/** As many as a topic has that the package makes. */
const PARTITIONS = 6;
const KEYS = 1_000;
/** How long handlers take, in milliseconds. */
const TAKES = [0, 5];
/** Messages of a round: of each key some. Nest gets fewer, or a round would take minutes. */
const MESSAGES = { ours: 10_000, nest: 2_000 };
const MESSAGES_QUICK = { ours: 4_000, nest: 1_000 };
/** How often the log is asked for its end, and how long all answers may take, in milliseconds. */
const LOOK_EVERY = 5;
const PATIENCE = 60_000;

/** A service that answers each message with a record in a topic. */
interface Side {
  readonly topic: string;
  readonly count: number;
  record(topic: string, partition: number, key: string, work: Work): EventRecord;
  readonly answersTo: string;
  /** Records of a message in that topic: its answer, and the message itself where they share it. */
  readonly recordsEach: number;
  /** Resolves when so many were handled since the start; with how often a key's order was broken. */
  until(count: number): Promise<number>;
  cpu(): Promise<number>;
}

interface Sample {
  /** Messages a second, by the clock, and of one core of the service. */
  readonly rate: number;
  readonly ofOneCore: number;
}

/** From the first message that is written to the last answer in the log; the order of each key is checked, and that all came once. */
export const service: BenchCase = {
  name: 'service',
  needs: ['kafka', 'redis'],

  async run(site: BenchSite): Promise<Figure[]> {
    const writer = new EventWriter(site.brokers);
    await writer.connect();
    try {
      const counts = site.quick ? MESSAGES_QUICK : MESSAGES;
      const ours = new Load(await ourSide(site, writer, counts.ours), writer);
      const nest = new Load(await nestSide(site, writer, counts.nest), writer);
      const figures: Figure[] = [];
      for (const takes of TAKES) {
        site.tell(`handlers that take ${takes} ms, ${counts.ours} messages, ${counts.nest} for Nest`);
        const variants = { ours: () => ours.round(takes), peer: () => nest.round(takes) };
        figures.push(...figuresOf(takes, await interleave<Sample, 'ours' | 'peer'>(site.quick ? 2 : 5, variants)));
      }
      return figures;
    } finally {
      await site.stop(); // before its topics are gone
      await writer.close();
    }
  },
};

function figuresOf(takes: number, samples: Readonly<Record<'ours' | 'peer', readonly Sample[]>>): Figure[] {
  const metric = `handlers of ${takes} ms`;
  const both = (kind: keyof Sample) => ({
    ours: samples.ours.map((sample) => sample[kind]),
    peer: samples.peer.map((sample) => sample[kind]),
    peerName: 'Nest: ServerKafka',
  });
  return [
    { metric, unit: 'messages/s', ...both('rate'), goal: { of: 'peer', atLeast: 3 } },
    { metric, unit: 'messages/s of one core', ...both('ofOneCore') },
  ];
}

/** Rounds of messages for one side, which go on where the last one ended. */
class Load {
  private readonly turns = new Map<number, number>();
  private sent = 0;

  constructor(
    private readonly side: Side,
    private readonly writer: EventWriter,
  ) {}

  async round(takes: number): Promise<Sample> {
    const { side, writer } = this;
    const { count, answersTo, recordsEach } = side;
    const records = this.messages(takes);
    this.sent += count;
    const cpu = await side.cpu();
    const begin = now();
    const handled = side.until(this.sent);
    await Promise.all(records.map((some, partition) => writer.write(side.topic, partition, some)));
    const broken = await handled;
    const took = (await writer.until(answersTo, this.sent * recordsEach, LOOK_EVERY, PATIENCE)) - begin;
    const used = (await side.cpu()) - cpu;
    if (broken > 0) throw new Error(`The order of a key was broken ${broken} times on "${side.topic}".`);
    return { rate: (count * 1_000) / took, ofOneCore: (count * 1_000) / used };
  }

  /** For each partition, made before anybody looks at the clock. */
  private messages(takes: number): EventRecord[][] {
    const { topic, count, record } = this.side;
    const records: EventRecord[][] = Array.from({ length: PARTITIONS }, () => []);
    for (let index = 0; index < count; index++) {
      const key = index % KEYS;
      const turn = (this.turns.get(key) ?? 0) + 1;
      this.turns.set(key, turn);
      const partition = key % PARTITIONS;
      records[partition]!.push(record(topic, partition, `key-${key}`, { key, turn, takes }));
    }
    return records;
  }
}

async function ourSide(site: BenchSite, writer: EventWriter, count: number): Promise<Side> {
  const topic = `service-${randomUUID()}`;
  await writer.create([topic], PARTITIONS);
  const handlers = site.start<HandlersProcess>(PROCESSES.handlers, { profiled: true });
  const { gateway: _, ...options } = gatewayOptions(site, [topic]);
  await handlers.ask.start({ ...options, service: topic }, topic);
  const { until, cpu } = handlers.ask;
  return { topic, count, record: commandRecord, answersTo: topic, recordsEach: 2, until, cpu };
}

async function nestSide(site: BenchSite, writer: EventWriter, count: number): Promise<Side> {
  const topic = `nest-${randomUUID()}`;
  const answersTo = `${topic}.reply`;
  await writer.create([topic, answersTo], PARTITIONS);
  const nest = site.start<NestHandlers>(PROCESSES.nestHandlers);
  await nest.ask.start(site.brokers, topic, PARTITIONS);
  const { until, cpu } = nest.ask;
  return { topic, count, record: nestRecord, answersTo, recordsEach: 1, until, cpu };
}
