import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { KafkaMessageLog } from '../lib/log/kafka/kafka.message.log.js';
import type { KafkaOptions } from '../lib/log/log.options.js';
import type { LogPosition } from '../lib/message/record.js';
import {
  connected,
  eventually,
  fresh,
  kafkaOptions,
  logged,
  Member,
  newTopic,
  numbers,
  readAll,
  Received,
  record,
  valuesOf,
} from './fixtures/log.adapters.js';
import { freePorts } from './support/free.ports.js';
import {
  type Answer,
  HEARTBEAT,
  JOIN_GROUP,
  KafkaProxy,
  LEAVE_GROUP,
  REBALANCE,
  STILL_LOADING,
} from './support/kafka.proxy.js';
import { KafkaServer } from './support/kafka.server.js';

const skip = inject('kafkaBrokers') === '';
const USER = { username: 'gateway', password: 'secret' };

let kafka: KafkaServer;
let saslAddress: string;
let proxy: KafkaProxy;

beforeAll(async () => {
  if (skip) return;
  const [saslPort, proxiedPort] = await freePorts(2);
  saslAddress = `127.0.0.1:${saslPort}`;
  proxy = await KafkaProxy.on(proxiedPort!);
  kafka = await KafkaServer.start({
    properties: ({ port, controllerPort }) => ({
      listeners:
        `PLAINTEXT://127.0.0.1:${port},SASL://${saslAddress},PROXIED://127.0.0.1:${proxiedPort},` +
        `CONTROLLER://127.0.0.1:${controllerPort}`,
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${port},SASL://${saslAddress},PROXIED://${proxy.address}`,
      'listener.security.protocol.map':
        'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT,PROXIED:PLAINTEXT',
      'sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.sasl.plain.sasl.jaas.config':
        'org.apache.kafka.common.security.plain.PlainLoginModule required ' +
        `user_${USER.username}="${USER.password}";`,
    }),
  });
}, 120_000);

afterAll(() => kafka?.stop());

async function openLog(overrides: Partial<KafkaOptions> = {}): Promise<KafkaMessageLog> {
  const options = kafkaOptions({ brokers: kafka.addresses.split(','), ...overrides });
  const [log] = await connected([new KafkaMessageLog(options)]);
  return log!;
}

/** Lets the broker crash, and brings it back when the test ends, if the test did not. */
async function killBroker(): Promise<void> {
  onTestFinished(() => kafka.brokers[0]!.start(), 60_000);
  await kafka.brokers[0]!.kill();
}

function code(codeOf: string, more: object = {}): object {
  return { code: codeOf, ...more };
}

describe.skipIf(skip)('brokers that are away at the start', () => {
  it('are a clear error, soon', async () => {
    const [port] = await freePorts(1);
    const log = new KafkaMessageLog(kafkaOptions({ brokers: [`127.0.0.1:${port}`], connectionTimeout: 500 }));

    const error = await log.connect().catch((one: unknown) => one);

    expect(error).toMatchObject(code('log_unavailable', { temporary: true }));
    expect((error as Error).message).toContain(`127.0.0.1:${port}`);
    expect(() => log.clusterId).toThrow();
    expect(log.trouble).toBeTypeOf('string');
    await log.close();
  });

  it('or take the connection and say nothing', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void silent.close());
    const { port } = silent.address() as { port: number };
    const log = new KafkaMessageLog(kafkaOptions({ brokers: [`127.0.0.1:${port}`], connectionTimeout: 300 }));
    const before = performance.now();

    await expect(log.connect()).rejects.toMatchObject(code('log_unavailable'));

    expect(performance.now() - before).toBeLessThan(5_000);
    await log.close();
  });

  it('may come later: connecting again works', async () => {
    await killBroker();
    const log = new KafkaMessageLog(kafkaOptions({ brokers: kafka.addresses.split(',') }));
    onTestFinished(() => log.close());
    await expect(log.connect()).rejects.toMatchObject(code('log_unavailable'));

    await kafka.brokers[0]!.start();
    await log.connect();

    const topic = await newTopic(log);
    expect(await log.publish(record(topic, 'x'))).toMatchObject({ offset: 0n });
  }, 60_000);
});

describe.skipIf(skip)('a broker that crashes while records are published and read', () => {
  it('loses nothing that was acknowledged, and every "not sent" is true', async () => {
    const log = await openLog({ publishTimeout: 3_000 });
    const topic = await newTopic(log);
    const outcomes = new Map<string, LogPosition | { sent: boolean }>();
    let count = 0;
    const publishOne = async (): Promise<void> => {
      const value = String(count++);
      const outcome = await log.publish(record(topic, value)).catch((error: unknown) => error as { sent: boolean });
      outcomes.set(value, outcome);
    };
    const publishing: Promise<void>[] = [];
    const pump = setInterval(() => publishing.push(publishOne(), publishOne(), publishOne()), 2);
    onTestFinished(() => clearInterval(pump));
    await eventually(() => expect(outcomes.size).toBeGreaterThan(300));

    await killBroker();
    await eventually(() => expect([...outcomes.values()].some((one) => 'sent' in one && !one.sent)).toBe(true));
    expect(log.trouble).toBeTypeOf('string');
    await kafka.brokers[0]!.start();
    const before = count;
    await eventually(() => expect(outcomes.get(String(before + 1_000))).toHaveProperty('offset'), 30_000);
    clearInterval(pump);
    await Promise.all(publishing);

    expect(log.trouble).toBeUndefined();
    const { end } = (await log.offsets(topic))[0]!;
    const stored = valuesOf(await readAll(log, { topic, partition: 0, from: 0n, to: end }));
    const present = new Set(stored);
    for (const [value, outcome] of outcomes) {
      if ('offset' in outcome) expect(stored[Number(outcome.offset)]).toBe(value);
      else if (!outcome.sent) expect(present.has(value)).toBe(false);
    }
    const firsts = [...new Set(stored)].map(Number);
    expect(firsts).toEqual([...firsts].sort((a, b) => a - b));
  }, 90_000);

  it('leaves no gap and no duplicate in what is read of all partitions', async () => {
    const log = await openLog({ publishTimeout: 45_000 }); // as long as a broker may take to start on a busy machine
    const topic = await newTopic(log);
    const seen = new Received();
    await log.tail({ topics: [topic], since: 0, onBatch: seen.take });
    await Promise.all(numbers(100).map((value) => log.publish(record(topic, value))));
    await seen.until(100);

    await killBroker();
    const waiting = Promise.all(numbers(100, 100).map((value) => log.publish(record(topic, value))));
    await kafka.brokers[0]!.start();
    const positions = await waiting;
    await seen.until(Number(positions.at(-1)!.offset) + 1);

    const offsets = seen.records.map(({ offset }) => offset);
    expect(offsets).toEqual(numbers(offsets.length).map(BigInt));
    expect([...new Set(seen.values)]).toEqual(numbers(200));
  }, 90_000);

  it('keeps a group from reading for a while, and what it had not committed comes again', async () => {
    const log = await openLog();
    const topic = await newTopic(log);
    const member = new Member(false);
    await log.consume(fresh('group'), [topic], member);
    await Promise.all(numbers(10).map((value) => log.publish(record(topic, value))));
    await member.until(10);
    const lost = member.current(0);

    await killBroker();
    await eventually(() => expect(lost.signal.aborted).toBe(true), 40_000);
    expect(log.trouble).toBeTypeOf('string');
    await kafka.brokers[0]!.start();

    expect((await member.until(20)).slice(10, 20)).toEqual(numbers(10));
    await eventually(() => expect(log.trouble).toBeUndefined());
  }, 90_000);

  it('costs a group no more than the time that the broker is away: nobody waits for the member that was', async () => {
    const log = await openLog({ sessionTimeout: 45_000 });
    const topic = await newTopic(log);
    const member = new Member();
    await log.consume(fresh('group'), [topic], member);
    await log.publish(record(topic, 'before'));
    await member.until(1);

    await killBroker();
    await kafka.brokers[0]!.start();
    const before = performance.now();
    await log.publish(record(topic, 'after'));

    expect((await member.until(2)).at(-1)).toBe('after');
    expect(performance.now() - before).toBeLessThan(15_000);
  }, 60_000);

  it('does not keep the log from closing, with an answer for all that waits, and nothing is called well', async () => {
    const lines = logged();
    const log = await openLog();
    const topic = await newTopic(log);
    await log.tail({ topics: [topic], since: 0, onBatch: () => undefined });
    await log.consume(fresh('group'), [topic], new Member());
    await killBroker();
    await eventually(() => expect(log.trouble).toBeTypeOf('string'));
    const waiting = log.publish(record(topic, 'x')).catch((error: unknown) => error);
    const before = performance.now();

    await log.close();

    expect(performance.now() - before).toBeLessThan(20_000);
    expect(await waiting).toMatchObject(code('log_unavailable'));
    expect(lines.filter((line) => line.startsWith('All is well again'))).toEqual([]);
  }, 60_000);
});

describe.skipIf(skip)('a member of a group that lost its connections', () => {
  /** A group by way of the proxy, which has cut all connections, and takes new ones by now. */
  async function cutGroup(answers: Record<number, Answer[]>) {
    await proxy.start();
    onTestFinished(() => proxy.stop());
    const log = await openLog({ brokers: [proxy.address], sessionTimeout: 45_000 });
    const topic = await newTopic(log);
    const member = new Member();
    const subscription = await log.consume(fresh('group'), [topic], member);
    await log.publish(record(topic, 'before'));
    await member.until(1);
    const held = [...member.assignments];
    await proxy.stop();
    Object.assign(proxy.answers, answers);
    await proxy.start();
    return { log, topic, member, held, subscription };
  }

  it.each([
    ['loads its groups still', STILL_LOADING],
    ['is lost once more', 'cut'],
  ] as const)('is the member that it was, also where its coordinator %s', async (_, answer) => {
    const { log, topic, member, held } = await cutGroup({ [HEARTBEAT]: [answer, answer] });
    await eventually(() => expect(proxy.answers[HEARTBEAT]).toEqual([]));

    await log.publish(record(topic, 'after'));

    expect((await member.until(2)).at(-1)).toBe('after');
    expect(member.assignments).toEqual(held);
    expect(held.some(({ signal }) => signal.aborted)).toBe(false);
  });

  it('reads on when it has joined again, also where that fails at first', async () => {
    const { log, topic, member, held } = await cutGroup({ [HEARTBEAT]: [REBALANCE], [JOIN_GROUP]: ['cut', 'cut'] });
    await eventually(() => expect(held.every(({ signal }) => signal.aborted)).toBe(true));

    await log.publish(record(topic, 'after'));

    expect((await member.until(2)).at(-1)).toBe('after');
    expect(proxy.answers[JOIN_GROUP]).toEqual([]);
  });

  it('stops soon, also where its coordinator never answers that it leaves', async () => {
    const { subscription } = await cutGroup({ [LEAVE_GROUP]: ['silence'] });
    const before = performance.now();

    await subscription.stop();

    expect(proxy.answers[LEAVE_GROUP]).toEqual([]);
    expect(performance.now() - before).toBeLessThan(8_000);
  });
});

describe.skipIf(skip)('SASL', () => {
  it('is spoken on every connection', async () => {
    const log = await openLog({ brokers: [saslAddress], sasl: { mechanism: 'plain', ...USER } });
    const topic = await newTopic(log);
    const [seen, member] = [new Received(), new Member()];
    await log.tail({ topics: [topic], since: 0, onBatch: seen.take });
    await log.consume(fresh('group'), [topic], member);

    await log.publish(record(topic, 'x'));

    expect(await seen.until(1)).toEqual(['x']);
    expect(await member.until(1)).toEqual(['x']);
    expect(valuesOf(await readAll(log, { topic, partition: 0, from: 0n, to: 1n }))).toEqual(['x']);
  });

  it('with a wrong password is a clear error without the password', async () => {
    const sasl = { mechanism: 'plain', ...USER, password: 'guessed' } as const;
    const log = new KafkaMessageLog(kafkaOptions({ brokers: [saslAddress], sasl }));

    const error = await log.connect().catch((one: unknown) => one as Error);

    expect(error).toMatchObject(
      code('log_unavailable', { message: expect.stringMatching(/authentication/i) as string }),
    );
    expect((error as Error).message).not.toContain('guessed');
    await log.close();
  });
});
