import { randomUUID } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import type { Inbox } from '../lib/service/inbox/inbox.js';
import { sharedInboxes } from './support/inboxes.js';
import { lots } from './support/lots.js';
import { refuse } from './support/refused.records.js';
import { fresh, openLog, request, startService } from './support/service.js';

const ID = randomUUID();

/** Has a lot changed by an instance that ends before it could answer, and gives what the next one answers. */
async function answerOf(command: string, payload: object, inbox: () => Inbox | undefined) {
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
  const refusal = refuse(log, (_, type) => type === `result.${command}`);
  const { requestId } = await request(log, topic, command, payload);
  await vi.waitUntil(() => refusal.tries > 0);
  await first.runner.stop();
  refusal.lifted = true;

  const { follower } = await start();

  return follower.outcome(requestId);
}

describe('a generic command whose service ends between its change and its answer', () => {
  const none = () => undefined;

  it('that made one without an id is answered with what was made', async () => {
    const outcome = await answerOf('CreateLot', { title: 'Jar' }, none);
    expect(outcome).toMatchObject({ status: 'success', value: { version: 1, title: 'Jar' } });
  });

  const OTHERS: [string, object, string][] = [
    ['CreateLot', { id: ID, title: 'Jar' }, 'ALREADY_EXISTS'],
    ['UpdateLot', { id: ID, version: 1, title: 'Chair' }, 'VERSION_CONFLICT'],
    ['DeleteLot', { id: ID, version: 1 }, 'NOT_FOUND'],
  ];

  it.each(OTHERS)('meets what it did itself, without an inbox: %s', async (command, payload, code) => {
    expect(await answerOf(command, payload, none)).toMatchObject({ status: 'rejected', code });
  });

  it.each(OTHERS)('is answered as it was carried out, with an inbox: %s', async (command, payload) => {
    expect(await answerOf(command, payload, sharedInboxes('memory'))).toMatchObject({ status: 'success' });
  });
});
