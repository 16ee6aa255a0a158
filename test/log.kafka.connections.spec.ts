import { afterAll, beforeAll, beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest';
import { KafkaMessageLog } from '../lib/log/kafka/kafka.message.log.js';
import type { KafkaOptions } from '../lib/log/log.options.js';
import {
  connected,
  eventually,
  foreignKafka,
  fresh,
  kafkaOptions,
  logged,
  Member,
  newTopic,
  openAdmin,
  readAll,
  Received,
  record,
  valuesOf,
} from './fixtures/log.adapters.js';
import { freePorts } from './support/free.ports.js';
import {
  type Answer,
  HEARTBEAT,
  KafkaProxy,
  NOT_AVAILABLE,
  NOTE_TOO_LARGE,
  OFFSET_COMMIT,
  REBALANCE,
  SYNC_GROUP,
} from './support/kafka.proxy.js';
import { KafkaServer } from './support/kafka.server.js';

const skip = inject('kafkaBrokers') === '';

let kafka: KafkaServer;
let proxy: KafkaProxy;

beforeAll(async () => {
  if (skip) return;
  const [port] = await freePorts(1);
  proxy = await KafkaProxy.on(port!);
  kafka = await KafkaServer.start({
    properties: (broker) => ({
      listeners: `PLAINTEXT://127.0.0.1:${broker.port},PROXIED://127.0.0.1:${port},CONTROLLER://127.0.0.1:${broker.controllerPort}`,
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${broker.port},PROXIED://${proxy.address}`,
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT',
    }),
  });
}, 120_000);

beforeEach(() => proxy?.start());

afterAll(async () => {
  await proxy?.stop();
  await kafka?.stop();
});

async function openLog(overrides: Partial<KafkaOptions> = {}): Promise<KafkaMessageLog> {
  const [log] = await connected([new KafkaMessageLog(kafkaOptions({ brokers: [proxy.address], ...overrides }))]);
  return log!;
}

describe.skipIf(skip)('the first record of a process', () => {
  it('is written without a trouble', async () => {
    const lines = logged();
    const log = await openLog();

    await log.publish(record(await newTopic(log), 'x'));

    expect(lines).toEqual([]);
  });
});

describe.skipIf(skip)('connections that swallow what is sent, while new ones would not', () => {
  it('are left behind soon: records are written and read again, by a member that was never out', async () => {
    const log = await openLog({ publishTimeout: 1_500, sessionTimeout: 30_000 });
    const topic = await newTopic(log);
    const [seen, member] = [new Received(), new Member()];
    await log.tail({ topics: [topic], since: 0, onBatch: seen.take });
    await log.consume(fresh('group'), [topic], member);
    await log.publish(record(topic, 'before'));
    await Promise.all([seen.until(1), member.until(1)]);
    expect(valuesOf(await readAll(log, { topic, partition: 0, from: 0n, to: 1n }))).toEqual(['before']);
    const held = [...member.assignments];

    proxy.swallow();
    await eventually(async () => void (await log.publish(record(topic, 'after'))));
    await eventually(() => expect(seen.values).toContain('after'));
    await eventually(() => expect(member.values).toContain('after'));

    expect(valuesOf(await readAll(log, { topic, partition: 0, from: 0n, to: 1n }))).toEqual(['before']);
    expect(held.some(({ signal }) => signal.aborted)).toBe(false);
    await eventually(() => expect(log.trouble).toBeUndefined());
  }, 60_000);
});

describe.skipIf(skip)('a member of a group that is stopped while it joins again', () => {
  it('opens no connection any more, and does not join behind it', async () => {
    const log = await openLog();
    const topic = await newTopic(log);
    const group = fresh('group');
    const [member, next] = [new Member(), new Member()];
    const subscription = await log.consume(group, [topic], member);
    await member.holds(3);
    proxy.answers[HEARTBEAT] = [REBALANCE];
    proxy.answers[SYNC_GROUP] = [REBALANCE];
    await eventually(() => expect(proxy.answers[SYNC_GROUP]).toEqual([]));

    await subscription.stop();
    const { opened } = proxy;
    const stopped = performance.now();
    await eventually(() => expect(performance.now() - stopped).toBeGreaterThan(1_000)); // kafkajs would try again in a tenth of that

    expect(proxy.opened).toBe(opened);
    await log.consume(group, [topic], next);
    await next.holds(3);
  }, 30_000);
});

describe.skipIf(skip)('a coordinator that refuses commits', () => {
  /** A group of which nothing is committed any more. */
  async function refusedGroup(answer: Answer, times: number) {
    const log = await openLog();
    const topic = await newTopic(log);
    const member = new Member();
    const group = fresh('group');
    await log.consume(group, [topic], member);
    const lines = logged();
    proxy.answers[OFFSET_COMMIT] = Array<Answer>(times).fill(answer);
    onTestFinished(() => void (proxy.answers[OFFSET_COMMIT] = []));
    await log.publish(record(topic, 'x'));
    await member.until(1);
    return { log, topic, member, group, lines, left: () => proxy.answers[OFFSET_COMMIT]!.length };
  }

  async function committed(group: string, topic: string): Promise<string | undefined> {
    const [held] = await (
      await openAdmin(foreignKafka(kafka.addresses.split(',')))
    ).fetchOffsets({
      groupId: group,
      topics: [topic],
    });
    return held?.partitions.find(({ partition }) => partition === 0)?.offset;
  }

  it('is asked ever less often, is a trouble with one line until it takes them, and then has what was finished', async () => {
    const { log, topic, member, group, lines, left } = await refusedGroup(NOT_AVAILABLE, 1_000);

    await eventually(() => expect(left()).toBeLessThan(1_000));
    const before = performance.now();
    await eventually(() => expect(log.trouble).toMatch(`${group} cannot commit`));
    await eventually(() => expect(performance.now() - before).toBeGreaterThan(3_000));
    const attempts = 1_000 - left();
    proxy.answers[OFFSET_COMMIT] = [];
    await eventually(() => expect(log.trouble).toBeUndefined());

    expect(attempts).toBeGreaterThan(2);
    expect(attempts).toBeLessThan(10);
    expect(lines).toEqual([
      expect.stringContaining('cannot commit'),
      expect.stringContaining(`well again: group ${group}, commits`),
    ]);
    expect(await committed(group, topic)).toBe('1');
    expect(member.assignments.some(({ signal }) => signal.aborted)).toBe(false);
  });

  it('for a moment is no trouble', async () => {
    const { log, topic, group, lines } = await refusedGroup(NOT_AVAILABLE, 2);

    await eventually(async () => expect(await committed(group, topic)).toBe('1'));

    expect(log.trouble).toBeUndefined();
    expect(lines).toEqual([]);
  });

  it('for their notes gets them without, and a line says so', async () => {
    const { log, topic, group, lines } = await refusedGroup(NOTE_TOO_LARGE, 1);

    await eventually(async () => expect(await committed(group, topic)).toBe('1'));

    expect(log.trouble).toBeUndefined();
    expect(lines).toEqual([expect.stringContaining('without notes')]);
  });
});
