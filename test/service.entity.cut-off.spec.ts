import { randomUUID } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import type { Inbox } from '../lib/service/inbox/inbox.js';
import { sharedInboxes } from './support/inboxes.js';
import { lots } from './support/lots.js';
import { refuse } from './support/refused.records.js';
import { fresh, openLog, request, startService } from './support/service.js';

const ID = randomUUID();

/** Has a lot changed by an instance that ends before it could tell anybody, and gives what the next one tells. */
async function toldOf(command: string, payload: object, inbox: () => Inbox | undefined) {
  const { topic, Lot, LotRepository, Lots } = lots();
  const repository = new LotRepository();
  const log = await openLog('memory');
  if (command !== 'CreateLot') {
    await repository.insert(Object.assign(new Lot(), { id: ID, version: 1, title: 'Jar' }));
  }
  const start = () =>
    startService({
      log,
      providers: [{ provide: LotRepository, useValue: repository }, Lots],
      inbox: inbox(),
      options: { name: service, drainTimeout: 1 },
    });
  const service = fresh('house');
  const first = await start();
  const refusal = refuse(log, (_, type) => type === `result.${command}` || type.startsWith('event.'));
  const { requestId } = await request(log, topic, command, payload);
  await vi.waitUntil(() => refusal.tries > 0);
  await first.runner.stop();
  refusal.lifted = true;

  const { follower } = await start();

  const outcome = await follower.outcome(requestId);
  const marker = await request(log, topic, 'ListLots', {}); // of the same key, so behind all that comes of the first
  await follower.outcome(marker.requestId);
  const events = follower.records
    .map(({ headers }) => String(headers['ce_type']))
    .filter((type) => type.startsWith('event'));
  return { outcome, events };
}

describe('a generic command whose service ends between its change and its answer', () => {
  const none = () => undefined;

  it('that made one without an id is told as it was carried out', async () => {
    const { outcome, events } = await toldOf('CreateLot', { title: 'Jar' }, none);

    expect(outcome).toMatchObject({ status: 'success', value: { version: 1, title: 'Jar' } });
    expect(events).toEqual(['event.Lot.Created']);
  });

  const OTHERS: [string, object, string, string][] = [
    ['CreateLot', { id: ID, title: 'Jar' }, 'ALREADY_EXISTS', 'Created'],
    ['UpdateLot', { id: ID, version: 1, title: 'Chair' }, 'VERSION_CONFLICT', 'Updated'],
    ['DeleteLot', { id: ID, version: 1 }, 'NOT_FOUND', 'Deleted'],
  ];

  it.each(OTHERS)('meets itself without an inbox, and its event is lost: %s', async (command, payload, code) => {
    const { outcome, events } = await toldOf(command, payload, none);

    expect(outcome).toMatchObject({ status: 'rejected', code });
    expect(events).toEqual([]);
  });

  it.each(OTHERS)('is told as it was carried out with an inbox: %s', async (command, payload, _code, event) => {
    const { outcome, events } = await toldOf(command, payload, sharedInboxes('memory'));

    expect(outcome).toMatchObject({ status: 'success' });
    expect(events).toEqual([`event.Lot.${event}`]);
  });
});
