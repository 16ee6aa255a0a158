import { Logger } from '@nestjs/common';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { KafkaMessageLog } from '../lib/log/kafka/kafka.message.log.js';
import {
  connected,
  eventually,
  fresh,
  kafkaOptions,
  Member,
  openAdmin,
  record,
  sendLz4,
} from './fixtures/log.adapters.js';

const skip = inject('kafkaBrokers') === '';

async function openLog(overrides: Parameters<typeof kafkaOptions>[0] = {}): Promise<KafkaMessageLog> {
  const [log] = await connected([new KafkaMessageLog(kafkaOptions(overrides))]);
  return log!;
}

/** What is written to Nest's logger from now on, until the test ends. */
function logged(): string[] {
  const lines: string[] = [];
  const take = (line: unknown): void => void lines.push(String(line));
  Logger.overrideLogger({ log: take, warn: take, error: take, debug: take });
  onTestFinished(() => Logger.overrideLogger(false));
  return lines;
}

describe.skipIf(skip)('a record of somebody else that cannot be unpacked', () => {
  it('is told once, and asked for ever more seldom, however often the group is joined meanwhile', async () => {
    const lines = logged();
    const log = await openLog();
    const topic = fresh('foreign');
    const admin = await openAdmin();
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] });
    const member = new Member();
    await log.consume(fresh('group'), [topic], member);

    await sendLz4(topic, 'packed');
    await log.publish(record(topic, 'behind it'));
    await eventually(() => expect(member.assignments.length).toBeGreaterThan(4));

    expect(log.trouble).toContain('LZ4');
    expect(lines.filter((line) => line.startsWith('Group ') && line.includes('LZ4'))).toHaveLength(1);
    expect(lines.filter((line) => line.startsWith('All is well again'))).toEqual([]);
  }, 40_000);
});
