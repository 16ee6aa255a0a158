import fc from 'fast-check';
import { MessagePublisher } from 'nestjs-kafka-socket';
import { describe, expect, inject, it } from 'vitest';
import { MemoryMessageLog } from '../lib/log/memory/memory.message.log.js';
import { delayedId } from '../lib/timeout/delayed.js';
import { nextTime } from '../lib/timeout/recurrence.js';
import { startApp } from './support/app.js';
import { closingLots } from './support/closing.lots.js';
import { redisOptions } from './support/timeouts.js';

const FAR = 253_402_300_799_000; // the last second of the year 9999
const odd = [':', '*', '\0', 'slot:', 'delayed', '../..', '{a}', 'ä 遅 🕰', ' ', '__proto__', 'x'.repeat(100_000)];

describe.each(inject('redisUrl') ? ['memory', 'redis'] : ['memory'])('any text as an id, kept in %s', (kept) => {
  async function publisher() {
    const { host, port, username, password, prefix } = redisOptions(inject('redisUrl') || 'redis://localhost');
    const redis = { host, port, prefix, ...(username && { username }), ...(password && { password }) };
    const lots = closingLots();
    const { app } = await startApp({ log: new MemoryMessageLog(), ...(kept === 'redis' && { redis }) }, [lots.Lots]);
    return { ...lots, later: app.get(MessagePublisher) };
  }

  it('is one place, which no other text means, and is free once it was cancelled', async () => {
    const { later, CloseLot } = await publisher();
    const some = fc.uniqueArray(fc.oneof(fc.constantFrom(...odd), fc.string({ unit: 'binary', minLength: 1 })), {
      minLength: 2,
      maxLength: 8,
    });
    const property = fc.asyncProperty(some, async (ids) => {
      const all = (state: string) => ids.map((id) => expect.objectContaining({ id, due: FAR, state }));
      const put = () => Promise.all(ids.map((id) => later.sendLater(CloseLot, { lot: 1 }, { at: FAR, id })));
      const cancel = () => Promise.all(ids.map((id) => later.cancelLater(id)));
      expect(await put()).toEqual(all('new'));
      expect(await put()).toEqual(all('kept'));
      expect(await cancel()).toEqual(ids.map(() => true));
      expect(await cancel()).toEqual(ids.map(() => false));
    });
    await fc.assert(property, { numRuns: 30 });
  });
});

describe('the id of a delayed command', () => {
  it('is a UUID, the same for one place and one time, and another one else', () => {
    const place = fc.record({ slot: fc.string({ minLength: 1 }), due: fc.maxSafeNat() });
    fc.assert(
      fc.property(place, place, (one, other) => {
        const id = delayedId(one.slot, one.due);
        expect(id).toMatch(/^[\da-f]{8}-([\da-f]{4}-){3}[\da-f]{12}$/);
        expect(id === delayedId(other.slot, other.due)).toBe(one.slot === other.slot && one.due === other.due);
      }),
    );
  });
});

describe('the next time of a recurrence', () => {
  it('is the same for whoever asks between two times, and never the one that is asked after', () => {
    const every = fc.integer({ min: 1_000, max: 400 * 24 * 3_600_000 });
    fc.assert(
      fc.property(every, fc.integer({ min: 0, max: FAR }), fc.nat(), (pause, after, more) => {
        const next = nextTime({ every: pause }, after);
        expect(next).toBeGreaterThan(after);
        expect(next - after).toBeLessThanOrEqual(pause);
        expect(nextTime({ every: pause }, after + (more % (next - after)))).toBe(next);
      }),
    );
  });
});
