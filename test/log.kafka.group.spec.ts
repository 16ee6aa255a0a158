import { Logger } from '@nestjs/common';
import { AssignerProtocol } from 'kafkajs';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { KafkaClient } from '../lib/log/kafka/kafka.client.js';
import { KafkaMessageLog } from '../lib/log/kafka/kafka.message.log.js';
import {
  connected,
  eventually,
  fill,
  fresh,
  kafkaAdapter,
  kafkaOptions,
  logged,
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

/** Joins a group and is silent from then on: its process was killed. */
async function addGhost(groupId: string, topic: string): Promise<void> {
  const cluster = new KafkaClient(kafkaOptions(), new Logger()).cluster();
  onTestFinished(() => cluster.disconnect());
  await cluster.connect();
  await cluster.refreshMetadata();
  const coordinator = (await cluster.findGroupCoordinator({ groupId })) as unknown as {
    joinGroup(request: object): Promise<void>;
  };
  const metadata = AssignerProtocol.MemberMetadata.encode({ version: 1, topics: [topic], userData: Buffer.alloc(0) });
  const groupProtocols = [{ name: 'RoundRobinAssigner', metadata }];
  await coordinator.joinGroup({
    groupId,
    sessionTimeout: 30_000,
    rebalanceTimeout: 30_000,
    memberId: '',
    groupProtocols,
  });
}

async function groupIs(group: string, state: string): Promise<void> {
  const admin = await openAdmin();
  await eventually(async () => expect((await admin.describeGroups([group])).groups[0]!.state).toBe(state));
}

describe.skipIf(skip)('a record of somebody else that cannot be unpacked', () => {
  it('is read from topics that we have made: their brokers unpack it', async () => {
    const log = await openLog();
    const topic = fresh('ours');
    await log.ensureTopics([topic]);
    const member = new Member();
    await log.consume(fresh('group'), [topic], member);

    await sendLz4(topic, 'packed');

    expect(await member.until(1)).toEqual(['packed']);
  });

  it('is told once, and does not make the group join anew', async () => {
    const lines = logged();
    const log = await openLog();
    const topic = fresh('foreign');
    const admin = await openAdmin();
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] });
    const [member, late] = [new Member(), new Member()];
    await log.consume(fresh('group'), [topic], member);

    await sendLz4(topic, 'packed');
    await log.publish(record(topic, 'behind it'));
    await eventually(() => expect(log.trouble).toContain('LZ4'));
    const other = fresh('group'); // meets it after the first has asked again
    await log.consume(other, [topic], late);
    await eventually(() => expect(lines.join('\n')).toContain(`(group ${other}, broker`));

    expect(member.assignments).toHaveLength(1);
    expect(lines.filter((line) => line.includes('LZ4'))).toHaveLength(2);
    expect(lines.filter((line) => line.startsWith('All is well again'))).toEqual([]);
  }, 40_000);
});

describe.skipIf(skip)('a group that was away for longer than its topic keeps records', () => {
  it('goes on at the oldest record that there is, and says so', async () => {
    const lines = logged();
    const { log, topic, expire } = await kafkaAdapter.openKeepingFive();
    const group = fresh('group');
    const [first, second] = [new Member(), new Member()];
    await fill(log, topic, 3);
    const subscription = await log.consume(group, [topic], first);
    await first.until(3);
    await subscription.stop();

    await fill(log, topic, 5);
    await expire();
    await log.consume(group, [topic], second);

    expect((await second.until(3)).slice(0, 3)).toEqual(['2', '3', '4']); // of five, the first two are gone
    expect(second.records[0]!.offset).toBe(5n);
    expect(lines).toContainEqual(expect.stringMatching(`Offset 3 of ${topic}/0 is gone. Group ${group} goes on at 5.`));
  });
});

describe.skipIf(skip)('joining a group that waits for a member which went without a word', () => {
  /** A group of which one member never answers again, and whoever joins it now. */
  async function joinWithGhost(signal?: AbortSignal): Promise<{ log: KafkaMessageLog; joining: Promise<unknown> }> {
    const log = await openLog({ sessionTimeout: 30_000 });
    const topic = fresh('topic');
    const group = fresh('group');
    await log.ensureTopics([topic]);
    await addGhost(group, topic);
    const joining = log.consume(group, [topic], new Member(), signal).catch((error: unknown) => error);
    await groupIs(group, 'PreparingRebalance');
    return { log, joining };
  }

  it('is given up at once when it is told so', async () => {
    const giveUp = new AbortController();
    const { joining } = await joinWithGhost(giveUp.signal);
    const before = performance.now();

    giveUp.abort(new Error('given up'));

    expect(await joining).toMatchObject({ message: 'given up' });
    expect(performance.now() - before).toBeLessThan(500);
  }, 30_000);

  it('ends with the log', async () => {
    const { log, joining } = await joinWithGhost();
    const before = performance.now();

    await log.close();

    expect(await joining).toMatchObject({ code: 'log_unavailable' });
    expect(performance.now() - before).toBeLessThan(8_000);
  }, 30_000);
});
