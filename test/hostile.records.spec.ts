import { type Admin, CompressionTypes, type Message } from 'kafkajs';
import { expect, it, vi } from 'vitest';
import type { MessageLog } from '../lib/log/message.log.js';
import { decodeBreadCrumbs } from '../lib/message/bread-crumbs.codec.js';
import { messageTypeOf } from '../lib/message/message.type.js';
import { DEAD_LETTER_HEADERS, DEAD_LETTER_SUFFIX } from '../lib/message/dead-letter.headers.js';
import { headerText } from '../lib/message/record.headers.js';
import type { LogRecord } from '../lib/message/record.js';
import { retryTopics } from '../lib/service/retry/retry.topic.js';
import { foreignKafka, openAdmin } from './fixtures/log.adapters.js';
import { bytesAlive } from './support/alive.bytes.js';
import { shared, startApp } from './support/app.js';
import { Endings } from './support/hostile/endings.js';
import { MARK } from './support/hostile/hostile.json.js';
import { ProcessWatch } from './support/hostile/process.watch.js';
import { recordHouse } from './support/hostile/record.house.js';
import { hostileRecord, isLarge } from './support/hostile/record.mutations.js';
import { draws, hostileSeed } from './support/hostile/seed.js';
import { sharedInboxes } from './support/inboxes.js';
import { RawClient } from './support/raw.client.js';
import { describeWithKafka } from './support/real.parts.js';
import { fresh, openLog, startUnfollowed } from './support/service.js';

const RECORDS = Number(process.env['HOSTILE_RECORDS'] ?? 100_000);
const PARTITIONS = 3;
const BATCH = 500;
/** How far the writing may be ahead of the handling. */
const AHEAD = 5_000n;
/** How long the event loop may be busy with one thing, in milliseconds: service, gateway and whoever writes share one here. */
const STANDSTILL = 2_000;
const GROWTH = 32 * 1024 * 1024;
const ADDRESSED = /^(command\.(Work|Flaky|Shelved)|event\.Thing\.(Made|Sold|Lost))$/;

async function startHouse() {
  const house = recordHouse();
  const { topic } = house;
  const log = await openLog('kafka');
  const name = fresh('service');
  const service = await startUnfollowed({
    log,
    providers: [house.Handlers],
    inbox: sharedInboxes('memory')(),
    options: { name },
  });
  const gateway = await startApp({
    ...shared('kafka'),
    gateway: {
      topics: [topic],
      broadcast: { 'Thing.*': 'data' },
      limits: { ring: 1_048_576, queue: 64 * 1024 * 1024 },
    },
  });
  return { ...house, log, service, name, url: gateway.url };
}

/** Writes records as any program may; tells where each stands. */
async function writer(topic: string) {
  const producer = foreignKafka().producer();
  await producer.connect();
  return {
    write: async (partition: number, messages: Message[], packed: boolean): Promise<bigint> => {
      const [answer] = await producer.send({
        topic,
        compression: packed ? CompressionTypes.GZIP : CompressionTypes.None,
        messages: messages.map((message) => ({ ...message, partition })),
      });
      return BigInt(answer!.baseOffset!);
    },
    close: () => producer.disconnect(),
  };
}

/** The numbers of what is written at once: from the first on, up to the last and without it. */
function batches(): [first: number, behind: number][] {
  const all: [number, number][] = [];
  for (let first = 0, behind = 0; first < RECORDS; first = behind) {
    behind = first + 1;
    if (!isLarge(first)) while (behind < Math.min(first + BATCH, RECORDS) && !isLarge(behind)) behind++;
    all.push([first, behind]);
  }
  return all;
}

/** Asks again and again, and has each answer, until it is told to end. */
async function ask(
  client: RawClient,
  topic: string,
  isOver: () => boolean,
): Promise<{ count: number; slowest: number }> {
  let [count, slowest] = [0, 0];
  while (!isOver() || count < 10) {
    const began = performance.now();
    const requestId = client.request(topic, 'Work', { n: 1 }, { ttl: 60_000 });
    expect(await client.outcome(topic, requestId)).toEqual({ status: 'success', value: 1 });
    slowest = Math.max(slowest, Math.round(performance.now() - began));
    count++;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { count, slowest };
}

/** Records that the service has not committed, of its topic and of those where records wait for another attempt. */
async function lag(admin: Admin, log: MessageLog, groupId: string, topics: readonly string[]): Promise<bigint> {
  const committed = await admin.fetchOffsets({ groupId, topics: [...topics] });
  let left = 0n;
  for (const { topic, partitions } of committed) {
    const ends = new Map((await log.offsets(topic)).map(({ partition, start, end }) => [partition, { start, end }]));
    for (const { partition, offset } of partitions) {
      const { start, end } = ends.get(partition)!;
      left += end - (offset === '-1' ? start : BigInt(offset));
    }
  }
  return left;
}

/** Reads a topic to its end, a batch at a time. */
async function* readAll(log: MessageLog, topic: string): AsyncGenerator<LogRecord> {
  for (const { partition, start: from, end: to } of await log.offsets(topic))
    for await (const { records } of log.read({ topic, partition, from, to })) yield* records;
}

/** Places of commands that were answered as invalid, by the number that their ids begin with. */
async function invalidNumbers(log: MessageLog, topic: string): Promise<number[]> {
  const numbers: number[] = [];
  for await (const { headers, value } of readAll(log, topic)) {
    if (!headerText(headers['ce_type'])?.startsWith('result.') || !value?.includes('"status":"invalid"')) continue;
    const { causationId } = decodeBreadCrumbs(headerText(headers['ce_breadcrumbs']) ?? '', '');
    numbers.push(Number(/^h(\d+)/.exec(causationId ?? '')?.[1]));
  }
  return numbers;
}

/** Where the dead letters of a topic stood, and why they are dead. */
async function deadPlaces(log: MessageLog, topic: string): Promise<{ place: string; reason: string }[]> {
  const places: { place: string; reason: string }[] = [];
  for await (const { headers } of readAll(log, `${topic}${DEAD_LETTER_SUFFIX}`)) {
    const { partition, offset, reason } = DEAD_LETTER_HEADERS;
    const [at, where, why] = [partition, offset, reason].map((name) => headerText(headers[name]));
    places.push({ place: `${at}@${where}`, reason: why! });
  }
  return places;
}

/** What its handler would handle. */
function proper(type: string): Message {
  const headers = {
    ce_specversion: '1.0',
    ce_id: fresh('given-up'),
    ce_source: '/hostile',
    ce_type: type,
    'content-type': 'application/json',
  };
  return { key: 'k', value: '{"n":1}', headers };
}

/** Records that no reader may see: their transaction is given up. */
async function giveUp(topic: string, messages: readonly Message[]): Promise<void> {
  const producer = foreignKafka().producer({ transactionalId: fresh('tx'), idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  const transaction = await producer.transaction();
  await transaction.send({ topic, messages: messages.map((message) => ({ ...message, partition: 0 })) });
  await transaction.abort();
  await producer.disconnect();
}

describeWithKafka('a service and a gateway that read 100,000 hostile records', () => {
  it('bring each to one end, and serve others meanwhile', async () => {
    const seed = hostileSeed();
    const { topic, done, count, log, service, name, url } = await startHouse();
    const client = await RawClient.welcome(url);
    const listener = await RawClient.welcome(url, { channels: [topic] });
    const drawn = draws(seed, RECORDS);
    const make = (number: number): Message => hostileRecord(number, drawn[number]!, client.identity.sessionId);
    const { write, close } = await writer(topic);
    const admin = await openAdmin();
    const left = (): Promise<bigint> => lag(admin, log, name, [topic, ...retryTopics(name)]);
    const before = await bytesAlive();
    const watch = new ProcessWatch();
    let isOver = false;
    const asking = ask(client, topic, () => isOver);
    asking.catch(() => undefined); // told below

    /** Number of each record that is for a handler, by its place. */
    const addressed = new Map<string, number>();
    const endings = new Endings();
    const events = new Set<string>();
    for (const [batch, [first, behind]] of batches().entries()) {
      const partition = batch % PARTITIONS;
      const messages = Array.from({ length: behind - first }, (_, index) => make(first + index));
      // No faster than they are read: how long others wait is then not how much was written.
      if (batch % 16 === 15) await vi.waitUntil(async () => (await left()) < AHEAD, { timeout: 60_000, interval: 50 });
      const base = await write(partition, messages, batch % 4 === 0);
      messages.forEach(({ headers }, index) => {
        const type = messageTypeOf(headers ?? {});
        if (!type || !ADDRESSED.test(`${type.kind}.${type.name}`)) return endings.note('passed by');
        const offset = base + BigInt(index);
        addressed.set(`${partition}@${offset}`, first + index);
        if (type.kind === 'event') events.add(`${topic},${partition},${offset}`);
      });
    }
    await giveUp(topic, ['command.Work', 'command.Flaky', 'event.Thing.Made'].map(proper));
    await close();
    isOver = true;
    const honest = await asking;
    await vi.waitUntil(async () => (await left()) === 0n && (await left()) === 0n, { timeout: 150_000, interval: 500 });
    const { standstill, use } = watch;

    const places = new Map([...addressed].map(([place, number]) => [number, place]));
    const ends = new Map<string, string[]>();
    /** Of records that are for nobody, and of what honest clients ask. */
    const others: string[] = [];
    const end = (place: string | undefined, how: string): void => {
      if (place !== undefined && addressed.has(place)) ends.set(place, [...(ends.get(place) ?? []), how]);
      else others.push(how);
    };
    for (const [place, times] of done) for (let i = 0; i < times; i++) end(place, 'done');
    for (const number of await invalidNumbers(log, topic)) end(places.get(number), 'answered invalid');
    for (const { place, reason } of await deadPlaces(log, topic)) end(place, `dead-lettered ${reason}`);
    for (const line of service.lines) {
      const lost = /(\d+@\d+) is lost: it was given up/.exec(line);
      if (lost) end(lost[1], 'refused aloud');
    }
    for (const how of ends.values()) endings.note(how.join(' and '));
    process.stdout.write(
      `${endings.total} hostile records (FAST_CHECK_SEED=${seed}): ${endings.toString()}; ${count.retries} further attempts. ${use}; ` +
        `honest clients had ${honest.count} outcomes meanwhile, the slowest after ${honest.slowest} ms\n`,
    );
    const without = [...addressed].filter(([place]) => !ends.has(place));
    expect(without.slice(0, 5).map(([place, number]) => [place, show(make(number))])).toEqual([]);
    expect(endings.names.filter((how) => how.includes(' and '))).toEqual([]);
    expect(endings.total).toBe(RECORDS);
    // What is passed by reaches no handler and has no end, neither do records that were given up: these are the honest clients'.
    expect(others).toEqual(Array(honest.count).fill('done'));
    expect(watch.uncaught).toEqual([]);
    expect(standstill).toBeLessThan(STANDSTILL);
    await vi.waitUntil(() => isWithin(events, placesOf(listener)), { timeout: 30_000 });
    expect([...placesOf(listener)].filter((place) => !events.has(place))).toEqual([]);
    expect(client.unread.filter(({ event }) => !/^(accepted|ping)$/.test(event))).toEqual([]);
    expect(service.lines.filter((line) => line.includes(MARK) || line.includes('\n')).slice(0, 3)).toEqual([]);
    listener.forget();
    for (const all of [addressed, places, ends, done, events]) all.clear();
    expect((await bytesAlive()) - before).toBeLessThan(GROWTH);
  }, 300_000);
});

function placesOf({ unread }: RawClient): Set<string> {
  return new Set(unread.filter(({ event }) => event.endsWith('/broadcast')).map(({ data }) => String(data.at)));
}

function isWithin(some: ReadonlySet<string>, all: ReadonlySet<string>): boolean {
  return [...some].every((one) => all.has(one));
}

function show({ headers, value }: Message): string {
  return `${JSON.stringify(headers).slice(0, 400)} ${String(value).slice(0, 100)}`;
}
