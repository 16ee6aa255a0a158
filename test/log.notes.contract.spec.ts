import { describe, expect, it } from 'vitest';
import { MAX_NOTE_BYTES } from '../lib/log/message.log.js';
import { eventually, fill, fresh, kafkaAdapter, Member, memoryAdapter, newTopic } from './fixtures/log.adapters.js';

for (const adapter of [memoryAdapter, kafkaAdapter]) {
  describe.skipIf(adapter.skip)(`the note of a commit (${adapter.name})`, () => {
    /** A member that holds a partition of five records, and one that takes it over. */
    async function twoOwners() {
      const [log, other] = await adapter.open(2);
      const [topic, group] = [await newTopic(log!), fresh('group')];
      await fill(log!, topic, 5, 0);
      const first = new Member(false);
      const subscription = await log!.consume(group, [topic], first);
      await first.until(5);
      const takeOver = async () => {
        await subscription.stop();
        const second = new Member(false);
        await other!.consume(group, [topic], second);
        await eventually(() => expect(second.current(0)).toBeDefined());
        return second.current(0);
      };
      return { assignment: first.current(0), takeOver };
    }

    it('is told to the next owner, with the offset that it belongs to', async () => {
      const { assignment, takeOver } = await twoOwners();

      assignment.commit(3n, 'three are done, ü');
      await assignment.flush();

      expect(await takeOver()).toMatchObject({ position: 3n, note: 'three are done, ü' });
    });

    it('is replaced where only it has changed', async () => {
      const { assignment, takeOver } = await twoOwners();

      assignment.commit(3n, 'one');
      await assignment.flush();
      assignment.commit(3n, 'two');
      await assignment.flush();
      assignment.commit(2n, 'of the past');

      expect(await takeOver()).toMatchObject({ position: 3n, note: 'two' });
    });

    it('is gone where the next commit has none', async () => {
      const { assignment, takeOver } = await twoOwners();

      assignment.commit(3n, 'one');
      await assignment.flush();
      assignment.commit(3n);

      expect((await takeOver()).note).toBeUndefined();
    });

    it('may be as long as it says', async () => {
      const { assignment, takeOver } = await twoOwners();
      const note = 'x'.repeat(MAX_NOTE_BYTES);

      assignment.commit(4n, note);
      await assignment.flush();

      expect(await takeOver()).toMatchObject({ position: 4n, note });
    });

    it('is waited for by all who flush at the same time', async () => {
      const { assignment, takeOver } = await twoOwners();

      assignment.commit(3n, 'one');
      const flushed = [assignment.flush()];
      assignment.commit(3n, 'two');
      flushed.push(assignment.flush(), assignment.flush());
      await Promise.all(flushed);

      expect(await takeOver()).toMatchObject({ position: 3n, note: 'two' });
    });

    it('is worth nothing to whom the partition was taken from', async () => {
      const { assignment, takeOver } = await twoOwners();
      assignment.commit(3n, 'one');
      const next = await takeOver();

      assignment.commit(4n, 'too late');
      await assignment.flush();

      expect(next).toMatchObject({ position: 3n, note: 'one' });
    });
  });
}
