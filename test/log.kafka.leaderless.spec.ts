import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { KafkaMessageLog } from '../lib/log/kafka/kafka.message.log.js';
import type { Assignment, MessageLog } from '../lib/log/message.log.js';
import {
  connected,
  eventually,
  fresh,
  kafkaOptions,
  Member,
  foreignKafka,
  Received,
  record,
} from './fixtures/log.adapters.js';
import { KafkaServer } from './support/kafka.server.js';

const skip = inject('kafkaBrokers') === '';

let kafka: KafkaServer;
/** A topic, one partition of which nobody leads: its only replica is on a broker that is gone. */
let frail: string;

beforeAll(async () => {
  if (skip) return;
  kafka = await KafkaServer.start({ brokers: 3 });
  const brokers = kafka.addresses.split(',');
  const other = foreignKafka(brokers).admin();
  await other.connect();
  frail = fresh('frail');
  const replicaAssignment = [1, 2, 3].map((node, partition) => ({ partition, replicas: [node] }));
  // kafkajs would wait for the leaders, and gives up where it asks a broker that has not heard of the topic yet.
  await other.createTopics({ waitForLeaders: false, topics: [{ topic: frail, replicaAssignment }] });
  await eventually(async () => expect(await other.fetchTopicOffsets(frail)).toHaveLength(3));
  await other.disconnect();
  await kafka.brokers[2]!.kill();
  const left = foreignKafka(brokers.slice(0, 2)).admin();
  await left.connect();
  await eventually(() => expect(left.describeCluster()).rejects.toThrow(/no leader/), 60_000);
  await left.disconnect();
}, 180_000);

afterAll(() => kafka?.stop());

/** Asks what a service asks of a partition before it takes it. */
class AskingMember extends Member {
  constructor(private readonly log: MessageLog) {
    super();
  }

  override async assigned(assignment: Assignment): Promise<void> {
    const { topic, partition } = assignment;
    await this.log.offsetsAt(topic, 0, [partition]);
    await this.log.offsets(topic, [partition]);
    await super.assigned(assignment);
  }
}

describe.skipIf(skip)('a partition without a leader', () => {
  it('of a topic of somebody else does not keep a process from starting, making topics, writing and reading', async () => {
    const createTopics = { partitions: 3, replicationFactor: 2 };
    const options = kafkaOptions({ brokers: kafka.addresses.split(','), createTopics });
    const [log] = await connected([new KafkaMessageLog(options)]);
    const topic = fresh('solid');
    await log!.ensureTopics([topic]);
    const [member, seen] = [new Member(), new Received()];
    await log!.consume(fresh('group'), [topic], member);
    await log!.tail({ topics: [topic], since: 0, onBatch: seen.take });

    await log!.publish(record(topic, 'x'));

    expect(await member.until(1)).toEqual(['x']);
    expect(await seen.until(1)).toEqual(['x']);
  }, 60_000);

  it('keeps no group from the others after a rebalance, is a trouble, and is read once it is led', async () => {
    const logs = [1, 2].map(() => new KafkaMessageLog(kafkaOptions({ brokers: kafka.addresses.split(',') })));
    const [log, other] = await connected(logs);
    const group = fresh('group');
    const [member, second] = [new AskingMember(log!), new AskingMember(other!)];
    await log!.consume(group, [frail], member);
    await log!.publish(record(frail, 'before'));
    await member.until(1);
    const left = await other!.consume(group, [frail], second);
    await left.stop();

    await log!.publish(record(frail, 'after'));
    expect(await member.until(2)).toEqual(['before', 'after']);
    expect(log!.trouble).toContain(`${frail}/2`);

    await kafka.brokers[2]!.start();
    await log!.publish(record(frail, 'led', { partition: 2 }));
    expect(await member.until(3)).toEqual(['before', 'after', 'led']);
    await eventually(() => expect(log!.trouble).toBeUndefined());
  }, 120_000);
});
