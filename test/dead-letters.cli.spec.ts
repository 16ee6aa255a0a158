import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { DeadLetterBox, encodeMessage, type LogRecord, type MessageLog } from 'nestjs-kafka-socket';
import { beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { KafkaMessageLog } from '../lib/log/kafka/kafka.message.log.js';
import { KafkaOptions } from '../lib/log/log.options.js';
import { decodeEnvelope } from '../lib/message/cloud-events.codec.js';
import { headerText } from '../lib/message/record.headers.js';
import { describeWithKafka } from './support/real.parts.js';

const PROGRAM = fileURLToPath(new URL('../dist/lib/cli/main.js', import.meta.url));
const LETTERS = 1_000;
const REASONS = ['expired', 'undecodable', 'invalid', 'failed', 'timeout'] as const;

/** Runs the command line as it was built. */
function dlq(...args: string[]): Promise<{ code: number; lines: string[]; error: string }> {
  const options = { env: { ...process.env, KAFKA_BROKERS: inject('kafkaBrokers') }, maxBuffer: 64 * 1024 * 1024 };
  return new Promise((resolve) => {
    execFile(process.execPath, [PROGRAM, 'dlq', ...args], options, (error, stdout, stderr) => {
      const code = typeof error?.code === 'number' ? error.code : 0;
      resolve({ code, lines: stdout.trimEnd().split('\n'), error: stderr });
    });
  });
}

async function openLog(): Promise<MessageLog> {
  const options = new KafkaOptions();
  options.brokers = inject('kafkaBrokers').split(',');
  if (options.createTopics) Object.assign(options.createTopics, { partitions: 3, replicationFactor: 1 });
  const log = new KafkaMessageLog(options);
  await log.connect();
  onTestFinished(() => log.close());
  return log;
}

/** All that a topic holds. */
async function contentOf(log: MessageLog, topic: string): Promise<LogRecord[]> {
  const found: LogRecord[] = [];
  for (const { partition, start, end } of await log.offsets(topic)) {
    for await (const { records } of log.read({ topic, partition, from: start, to: end })) found.push(...records);
  }
  return found;
}

/** A dead letter as a service leaves it: a client's command, a service's command, an event, or something unreadable. */
function letter(topic: string, n: number) {
  const id = randomUUID();
  const reason = REASONS[n % REASONS.length]!;
  const crumbs = {
    requestId: randomUUID(),
    sessionId: 'a-session-of-somebody',
    attempt: 1,
    reply: { topic, partition: 0 },
  };
  const data = { n };
  const root = { ...crumbs, correlationId: id, deadline: 1_000, timeoutId: 'job' };
  const command = {
    id,
    source: '/gateway',
    breadCrumbs: root,
    payload: { kind: 'command' as const, name: 'Pay', data },
  };
  const nested = { ...command, breadCrumbs: { ...root, correlationId: randomUUID() } };
  const event = {
    ...command,
    breadCrumbs: { ...crumbs, correlationId: randomUUID() },
    payload: { kind: 'event' as const, name: 'Bid.Created', entity: 'Bid', eventType: 'Created', data },
  };
  const { headers, value } =
    reason === 'undecodable'
      ? { headers: { ce_type: 'command.Pay', ce_id: id, ce_breadcrumbs: '%%%' }, value: `{"n":${n}` }
      : encodeMessage(reason === 'invalid' ? event : reason === 'failed' ? nested : command);
  const remarks = { dlq_reason: reason, dlq_error: 'Error: it broke', dlq_attempts: '1' };
  const source = { dlq_topic: topic, dlq_partition: '0', dlq_offset: String(n) };
  return { topic: `${topic}.dlq`, key: `key-${n % 7}`, value, headers: { ...headers, ...remarks, ...source } };
}

describeWithKafka(`${LETTERS} mixed dead letters`, { timeout: 120_000 }, () => {
  let topic: string;

  beforeAll(async () => {
    topic = `letters-${randomUUID()}`;
    const options = Object.assign(new KafkaOptions(), { brokers: inject('kafkaBrokers').split(',') });
    const log = new KafkaMessageLog(options);
    await log.connect();
    await log.ensureTopics([topic, `${topic}.dlq`]);
    await Promise.all(Array.from({ length: LETTERS }, (_, n) => log.publish(letter(topic, n))));
    await log.close();
  });

  it('are listed, all or by reason', async () => {
    const all = await dlq('list', topic, '--json');
    const some = await dlq('list', topic, '--json', '--reason', 'expired,failed');

    expect(all.lines).toHaveLength(LETTERS);
    const reasons = some.lines.map((line) => (JSON.parse(line) as { reason: string }).reason);
    expect(reasons.filter((reason) => reason === 'expired')).toHaveLength(LETTERS / 5);
    expect(reasons).toHaveLength((2 * LETTERS) / 5);
    expect((await dlq('list', topic)).lines.at(-1)).toBe(`${LETTERS} dead letters of "${topic}"`);
  });

  it('are shown one by one, with headers and value', async () => {
    const [first] = (await dlq('list', topic, '--json', '--reason', 'invalid')).lines;
    const { at } = JSON.parse(first!) as { at: string };

    const { lines } = await dlq('show', topic, at);

    expect(lines).toContain('  dlq_reason: invalid');
    expect(lines).toContain('  ce_type: event.Bid.Created');
    expect(lines.at(-1)).toMatch(/^\{"n":\d+\}$/);
  });

  it('go back by reason, none lost and none twice, however often it is asked for', async () => {
    const log = await openLog();
    const dry = await dlq('replay', topic, '--reason', 'failed', '--dry-run');
    expect(dry.lines.at(-1)).toBe(`${LETTERS / 5} would be replayed`);
    expect(await contentOf(log, topic)).toEqual([]);

    expect((await dlq('replay', topic, '--reason', 'failed')).lines).toEqual([`${LETTERS / 5} replayed`]);
    expect((await dlq('replay', topic, '--reason', 'failed')).lines).toEqual(['0 replayed']);
    expect((await dlq('replay', topic)).lines).toEqual([`${(4 * LETTERS) / 5} replayed`]);
    expect((await dlq('replay', topic)).lines).toEqual(['0 replayed']);

    const back = await contentOf(log, topic);
    const numbers = back.map(({ value }) => Number(/"n":(\d+)/.exec(value!.toString())![1]));
    expect([...numbers].sort((one, other) => one - other)).toEqual(Array.from({ length: LETTERS }, (_, n) => n));
    expect((await dlq('list', topic)).lines).toEqual([`0 dead letters of "${topic}"`]);
    expect((await dlq('list', topic, '--replayed')).lines.at(-1)).toBe(`${LETTERS} dead letters of "${topic}"`);
  });
});

describeWithKafka('a dead letter that is sent back', () => {
  async function replayed(n: number, more: Record<string, string> = {}) {
    const log = await openLog();
    const topic = `letters-${randomUUID()}`;
    await log.ensureTopics([topic, `${topic}.dlq`]);
    const sent = letter(topic, n);
    await log.publish({ ...sent, headers: { ...sent.headers, ...more } });
    const box = new DeadLetterBox(log);
    for await (const one of box.list(topic)) await box.replay(one, { ttl: 60_000 });
    const [record] = await contentOf(log, topic);
    return { box, log, topic, sent, record: record! };
  }

  it('is, if a client sent it, another command with time to run, for whose outcome nobody waits', async () => {
    const { sent, record } = await replayed(0);
    const before = decodeEnvelope(sent.headers);
    const { id, breadCrumbs } = decodeEnvelope(record.headers);

    expect(record.value!.toString()).toBe(sent.value);
    expect(record.key!.toString()).toBe(sent.key);
    expect(id).not.toBe(before.id);
    expect(breadCrumbs).toMatchObject({
      requestId: before.breadCrumbs.requestId,
      correlationId: before.id,
      causationId: before.id,
      reply: undefined,
      timeoutId: undefined,
    });
    expect(breadCrumbs.deadline! - Date.now()).toBeGreaterThan(30_000);
    expect(Object.keys(record.headers).filter((name) => name.startsWith('dlq_'))).toEqual(['dlq_replays']);
  });

  it('is, if it is an event, the same event', async () => {
    const { sent, record } = await replayed(2);
    expect(decodeEnvelope(record.headers)).toEqual(decodeEnvelope(sent.headers));
    expect(record.value!.toString()).toBe(sent.value);
  });

  it('is, if it is an event, for the handler that gave it up and no other', async () => {
    const { record } = await replayed(2, { dlq_handler: 'Ledger.book' });
    expect(headerText(record.headers['dlq_handler'])).toBe('Ledger.book');
  });

  it('goes back once where a crash made two letters of it', async () => {
    const log = await openLog();
    const topic = `letters-${randomUUID()}`;
    await log.ensureTopics([topic, `${topic}.dlq`]);
    const sent = letter(topic, 0);
    await log.publish(sent);
    await log.publish(sent);

    expect((await dlq('replay', topic)).lines).toEqual(['1 replayed']);
    expect((await dlq('replay', topic)).lines).toEqual(['0 replayed']);
    expect(await contentOf(log, topic)).toHaveLength(1);
  });

  it('is left alone where it was carried out and only could not be told, unless that is asked for', async () => {
    const log = await openLog();
    const topic = `letters-${randomUUID()}`;
    await log.ensureTopics([topic, `${topic}.dlq`]);
    const sent = letter(topic, 0);
    await log.publish({ ...sent, headers: { ...sent.headers, dlq_reason: 'undeliverable' } });

    const { lines } = await dlq('replay', topic);

    expect(lines[0]).toMatch(/^1 undeliverable left out/);
    expect(lines[1]).toBe('0 replayed');
    expect((await dlq('replay', topic, '--reason', 'undeliverable')).lines).toEqual(['1 replayed']);
  });

  it('moves no cursor and colours no screen, whatever stands in it', async () => {
    const log = await openLog();
    const topic = `letters-${randomUUID()}`;
    await log.ensureTopics([topic, `${topic}.dlq`]);
    const sent = letter(topic, 0);
    const nasty = '\u001b[2J\u009b31m';
    await log.publish({
      ...sent,
      value: `{"n":0}${nasty}`,
      headers: { ...sent.headers, dlq_handler: nasty, dlq_error: nasty, [`x${nasty}`]: nasty },
    });
    const [first] = (await dlq('list', topic, '--json')).lines;
    const { at } = JSON.parse(first!) as { at: string };

    const printed = [first!, ...(await dlq('list', topic)).lines, ...(await dlq('show', topic, at)).lines].join('');

    // eslint-disable-next-line no-control-regex -- what must not be there
    expect(printed).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
  });

  it('is, if nobody could read it, what it was to the byte', async () => {
    const { sent, record } = await replayed(1);
    expect(headerText(record.headers['ce_breadcrumbs'])).toBe('%%%');
    expect(record.value!.toString()).toBe(sent.value);
  });

  it('is refused when it came back too often, and says what to do', async () => {
    const log = await openLog();
    const topic = `letters-${randomUUID()}`;
    await log.ensureTopics([topic, `${topic}.dlq`]);
    const sent = letter(topic, 0);
    await log.publish({ ...sent, headers: { ...sent.headers, dlq_replays: '3' } });

    const { code, lines } = await dlq('replay', topic);

    expect(code).toBe(1);
    expect(lines[0]).toMatch(/^not replayed: .* was replayed 3 times and came back each time\. .*maxReplays/);
    expect(lines[1]).toBe('0 replayed, 1 failed');
    expect((await dlq('replay', topic, '--max-replays', '4')).lines).toEqual(['1 replayed']);
  });
});

describe('a command line that says nothing that can be done', () => {
  it.each([
    [['prune', 'auction'], 'list | show | replay'],
    [['list'], 'Name the topic'],
    [['show', 'auction'], 'Name one letter'],
    [['replay', 'auction', '7'], 'is no partition/offset'],
    [['replay', 'auction', '--replayed'], 'not replayed again'],
    [['list', 'auction', '0/1'], 'names a topic only'],
    [['list', 'auction', '--since', 'yesterday'], 'is no time'],
    [['replay', 'auction', '--ttl', '-1'], '--ttl'],
    [['list', 'auction', '--colour'], '--colour'],
  ])('%j ends with 2 and says why', async (args, why) => {
    const { code, error } = await dlq(...args);
    expect(code).toBe(2);
    expect(error).toContain(why);
  });
});
