import { describe, expect, it } from 'vitest';
import type { Assignment } from '../lib/log/message.log.js';
import {
  eventually,
  fill,
  fresh,
  heldBy,
  kafkaAdapter,
  Member,
  memoryAdapter,
  newTopic,
  numbers,
  PARTITIONS,
  record,
} from './fixtures/log.adapters.js';

for (const adapter of [memoryAdapter, kafkaAdapter]) {
  describe.skipIf(adapter.skip)(`a group (${adapter.name})`, () => {
    it('gives a lone member every partition, from the oldest record on', async () => {
      const [log] = await adapter.open();
      const topic = await newTopic(log!);
      await Promise.all([0, 1, 2].map((partition) => fill(log!, topic, 20, partition)));
      const member = new Member();

      await log!.consume(fresh('group'), [topic], member);
      await member.until(60);

      expect(member.assignments.map(({ position }) => position)).toEqual([0n, 0n, 0n]);
      for (const partition of [0, 1, 2]) {
        const part = member.records.filter((one) => one.partition === partition);
        expect(part.map(({ value }) => String(value))).toEqual(numbers(20));
      }
    });

    it('gives each record to one of its members', async () => {
      const logs = await adapter.open(3);
      const topic = await newTopic(logs[0]!);
      const group = fresh('group');
      const members = logs.map(() => new Member());
      for (const [index, log] of logs.entries()) await log.consume(group, [topic], members[index]!);
      for (const member of members) await member.holds(1);

      await Promise.all([0, 1, 2].map((partition) => fill(logs[0]!, topic, 20, partition)));

      for (const member of members) await member.until(20);
      const all = members.flatMap(({ records }) => records.map((one) => `${one.partition}/${one.offset}`));
      expect(all).toHaveLength(60);
      expect(new Set(all).size).toBe(60);
    });

    it('lets two groups read the same records', async () => {
      const [log] = await adapter.open();
      const topic = await newTopic(log!);
      const members = [new Member(), new Member()];
      for (const member of members) await log!.consume(fresh('group'), [topic], member);

      await fill(log!, topic, 5);

      for (const member of members) expect(await member.until(5)).toEqual(numbers(5));
    });

    it('deals anew when a member joins and when it leaves, and tells whoever had a partition', async () => {
      const logs = await adapter.open(2);
      const topic = await newTopic(logs[0]!);
      const group = fresh('group');
      const [first, second] = [new Member(), new Member()];
      await logs[0]!.consume(group, [topic], first);
      await first.holds(PARTITIONS);
      const before = [...first.assignments];

      const joined = await logs[1]!.consume(group, [topic], second);
      await eventually(() => expect(heldBy(first, second)).toEqual([0, 1, 2]));
      await eventually(() => expect(Math.max(first.held.length, second.held.length)).toBe(2));
      expect(before.every(({ signal }) => signal.aborted)).toBe(true);

      await joined.stop();
      await first.holds(PARTITIONS);
      expect(second.held).toEqual([]);
    });

    it('goes on behind what was committed, also when nobody was there in between', async () => {
      const logs = await adapter.open(2);
      const topic = await newTopic(logs[0]!);
      const group = fresh('group');
      const [first, second] = [new Member(), new Member()];
      await fill(logs[0]!, topic, 10);
      const subscription = await logs[0]!.consume(group, [topic], first);
      await first.until(10);

      await subscription.stop();
      await subscription.stop();
      await logs[0]!.publish(record(topic, 'next'));
      await logs[1]!.consume(group, [topic], second);

      expect(await second.until(1)).toEqual(['next']);
      expect(second.current(0).position).toBe(10n);
    });

    it('brings again what was not committed', async () => {
      const logs = await adapter.open(2);
      const topic = await newTopic(logs[0]!);
      const group = fresh('group');
      const [first, second] = [new Member(false), new Member()];
      await fill(logs[0]!, topic, 10);
      const subscription = await logs[0]!.consume(group, [topic], first);
      await first.until(10);
      first.current(0).commit(4n);

      await subscription.stop();
      await logs[1]!.consume(group, [topic], second);

      expect(await second.until(6)).toEqual(numbers(6, 4));
    });

    it('never commits backwards', async () => {
      const logs = await adapter.open(2);
      const topic = await newTopic(logs[0]!);
      const group = fresh('group');
      const [first, second] = [new Member(false), new Member()];
      await fill(logs[0]!, topic, 10);
      const subscription = await logs[0]!.consume(group, [topic], first);
      await first.until(10);

      first.current(0).commit(7n);
      first.current(0).commit(3n);
      await subscription.stop();
      await logs[1]!.consume(group, [topic], second);

      expect(await second.until(3)).toEqual(numbers(3, 7));
    });

    it('commits nothing for a partition that was lost', async () => {
      const logs = await adapter.open(2);
      const topic = await newTopic(logs[0]!);
      const group = fresh('group');
      const [late, owner, next] = [new Member(false), new Member(false), new Member()];
      await fill(logs[0]!, topic, 10);
      const leaving = await logs[0]!.consume(group, [topic], late);
      await late.until(10);
      const lost = late.current(0);
      await leaving.stop();
      const owning = await logs[1]!.consume(group, [topic], owner);
      await owner.until(10);
      owner.current(0).commit(8n);

      lost.commit(3n);
      lost.commit(10n);
      await owning.stop();
      await logs[0]!.consume(group, [topic], next);

      expect(await next.until(2)).toEqual(['8', '9']);
    });

    it('pauses and resumes one partition, while the others flow', async () => {
      const [log] = await adapter.open();
      const topic = await newTopic(log!);
      const member = new Member();
      await log!.consume(fresh('group'), [topic], member);
      await log!.publish(record(topic, 'first'));
      await member.until(1);

      member.current(0).pause();
      await log!.publish(record(topic, 'marker', { partition: 1 }));
      await member.until(2); // what was on its way when it was paused would be here by now
      await log!.publish(record(topic, 'paused'));
      await log!.publish(record(topic, 'marker', { partition: 1 }));
      expect(await member.until(3)).toEqual(['first', 'marker', 'marker']);
      member.current(0).resume();

      expect(await member.until(4)).toEqual(['first', 'marker', 'marker', 'paused']);
    });

    it('resumes a partition that was paused before anything was read of it', async () => {
      const [log] = await adapter.open();
      const topic = await newTopic(log!);
      const member = new Member();
      const taking = member.assigned.bind(member);
      member.assigned = (assignment): Promise<void> => {
        assignment.pause();
        return taking(assignment);
      };
      await fill(log!, topic, 3, 1);
      await log!.consume(fresh('group'), [topic], member);
      await member.holds(PARTITIONS);
      await fill(log!, topic, 3, 0);

      for (const partition of [0, 1, 2]) member.current(partition).resume();

      await member.until(6);
      expect(member.records.filter(({ partition }) => partition === 0).map(({ value }) => String(value))).toEqual(
        numbers(3),
      );
      expect(member.records.filter(({ partition }) => partition === 1).map(({ value }) => String(value))).toEqual(
        numbers(3),
      );
    });

    it('brings nothing of a partition before its member has taken it', async () => {
      const [log] = await adapter.open();
      const topic = await newTopic(log!);
      await fill(log!, topic, 1);
      const order: string[] = [];
      let take!: () => void;
      const held = new Promise<void>((resolve) => (take = resolve));

      await log!.consume(fresh('group'), [topic], {
        assigned: async ({ partition }) => {
          if (partition !== 0) return;
          order.push('told');
          await held;
          order.push('taken');
        },
        batch: () => void order.push('records'),
      });
      await eventually(() => expect(order).toEqual(['told']));
      take();

      await eventually(() => expect(order).toEqual(['told', 'taken', 'records']));
    });

    it('brings the records of other partitions while its member takes long over one', async () => {
      const [log] = await adapter.open();
      const topic = await newTopic(log!);
      await fill(log!, topic, 3);
      let take!: () => void;
      const held = new Promise<void>((resolve) => (take = resolve));
      const member = new Member();
      const taking = member.assigned.bind(member);
      member.assigned = async (assignment): Promise<void> => {
        await taking(assignment);
        if (assignment.partition === 0) await held;
      };
      await log!.consume(fresh('group'), [topic], member);

      for (const value of numbers(5)) {
        await log!.publish(record(topic, value, { partition: 1 }));
        await member.until(Number(value) + 1);
      }
      expect(member.records.every(({ partition }) => partition === 1)).toBe(true);
      take();

      expect((await member.until(8)).slice(5)).toEqual(numbers(3));
    });

    it('asks a member again that could not take a partition, and says so meanwhile', async () => {
      const [log] = await adapter.open();
      const topic = await newTopic(log!);
      await fill(log!, topic, 1);
      const member = new Member();
      const taking = member.assigned.bind(member);
      const told: Assignment[] = [];
      member.assigned = (assignment): Promise<void> => {
        if (assignment.partition !== 0) return taking(assignment);
        told.push(assignment);
        return told.length > 1 ? taking(assignment) : Promise.reject(new Error('not yet'));
      };

      await log!.consume(fresh('group'), [topic], member);
      await eventually(() => expect(log!.trouble).toContain('not yet'));

      expect(await member.until(1)).toEqual(['0']);
      expect(log!.trouble).toBeUndefined();
    });

    it('ends all assignments of a member that stops', async () => {
      const [log] = await adapter.open();
      const topic = await newTopic(log!);
      const member = new Member();
      const subscription = await log!.consume(fresh('group'), [topic], member);
      await member.holds(PARTITIONS);

      await subscription.stop();

      expect(member.assignments.every(({ signal }) => signal.aborted)).toBe(true);
    });

    it('is not joined by whom its signal has told to give up', async () => {
      const [log] = await adapter.open();
      const topic = await newTopic(log!);

      const joining = log!.consume(fresh('group'), [topic], new Member(), AbortSignal.abort(new Error('given up')));

      await expect(joining).rejects.toThrow('given up');
    });

    it('is refused for a topic that is not there', async () => {
      const [log] = await adapter.open();
      const none = fresh('none');

      const joining = log!.consume(fresh('group'), [none], new Member());

      await expect(joining).rejects.toMatchObject({ code: 'topics_missing', message: expect.stringContaining(none) });
    });
  });
}
