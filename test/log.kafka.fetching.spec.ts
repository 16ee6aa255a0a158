import { describe, expect, inject, it } from 'vitest';
import { KafkaMessageLog } from '../lib/log/kafka/kafka.message.log.js';
import type { Assignment } from '../lib/log/message.log.js';
import type { RecordBatch } from '../lib/message/record.js';
import {
  connected,
  eventually,
  fill,
  fresh,
  kafkaOptions,
  Member,
  newTopic,
  Received,
  record,
} from './fixtures/log.adapters.js';

const skip = inject('kafkaBrokers') === '';

async function openLog(overrides: Parameters<typeof kafkaOptions>[0] = {}): Promise<KafkaMessageLog> {
  const [log] = await connected([new KafkaMessageLog(kafkaOptions(overrides))]);
  return log!;
}

/** Takes the partitions of its first generation at once, and those of later ones when it is told to. */
class SlowMember extends Member {
  slow = false;
  private release!: () => void;
  private readonly released = new Promise<void>((resolve) => (this.release = resolve));

  override async assigned(assignment: Assignment): Promise<void> {
    await super.assigned(assignment);
    if (this.slow) await this.released;
  }

  takeAll(): void {
    this.release();
  }
}

/** Fails at its first records. */
class FailingMember extends Member {
  failures = 0;

  override batch(assignment: Assignment, batch: RecordBatch): void {
    if (this.failures++ === 0) throw new Error('not yet');
    super.batch(assignment, batch);
  }
}

describe.skipIf(skip)('a fetch that was asked for before a rebalance and is answered after it', () => {
  it('brings nothing to a partition that its member has not taken yet', async () => {
    const [log, other] = [await openLog({ fetchWait: 4_000 }), await openLog()];
    const topic = await newTopic(log);
    const group = fresh('group');
    const [member, seen] = [new SlowMember(), new Received()];
    await log.consume(group, [topic], member);
    await member.holds(3);
    await fill(log, topic, 1, 0); // the fetch of the others, from 0, is asked anew
    await member.until(1);
    await other.tail({ topics: [topic], since: 0, onBatch: seen.take });
    member.slow = true;
    await other.consume(group, [topic], new Member());
    await eventually(() => expect(member.assignments.length).toBeGreaterThan(3));
    const held = member.held.find((partition) => partition > 0)!;

    await log.publish(record(topic, 'x', { partition: held }));
    await seen.until(2);
    const early = member.values.slice(1);
    member.takeAll();

    expect(early).toEqual([]);
    expect((await member.until(2)).slice(1)).toEqual(['x']);
  }, 30_000);
});

describe.skipIf(skip)('a group beside a tail of the same process', () => {
  it('is not left behind where it failed at records while the tail read on', async () => {
    const log = await openLog({ metadataMaxAge: 300_000 });
    const topic = await newTopic(log);
    const [member, seen] = [new FailingMember(), new Received()];
    await log.tail({ topics: [topic], since: 0, onBatch: seen.take });
    await log.consume(fresh('group'), [topic], member);
    await member.holds(3);

    await log.publish(record(topic, 'first'));
    await eventually(() => expect(member.failures).toBe(1));
    await log.publish(record(topic, 'second'));
    await seen.until(2);

    await eventually(() => expect(member.values).toEqual(['first', 'second']), 10_000);
  }, 30_000);
});
