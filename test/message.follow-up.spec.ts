import { describe, expect, it } from 'vitest';
import type { BreadCrumbs } from '../lib/message/bread-crumbs.js';
import { followUp } from '../lib/message/follow-up.js';
import { messageId } from '../lib/message/message.id.js';
import { isAwaited, isRootCommand } from '../lib/message/outcome.rule.js';
import type { Payload, PlatformMessage } from '../lib/message/platform-message.js';
import { requestIdentity, timeoutId } from '../lib/message/request.identity.js';

const EVENT: Payload = { kind: 'event', name: 'Bid.Created', entity: 'Bid', eventType: 'Created', data: {} };
const NESTED: Payload = { kind: 'command', name: 'Charge', data: {} };

describe('a follow-up', () => {
  const crumbs: BreadCrumbs = {
    requestId: 'r',
    sessionId: 's',
    publicKey: 'p',
    correlationId: 'root',
    causationId: 'parent',
    deadline: 1_000,
    timeoutId: 't',
    reply: { topic: 'auction', partition: 3 },
    attempt: 4,
    user: '{"sub":"zoë"}',
    others: { tenant: 'blue' },
  };
  const cause: PlatformMessage = {
    id: messageId(),
    source: '/gateway',
    breadCrumbs: crumbs,
    payload: NESTED,
    traceparent: '00-1-2-01',
  };

  it('goes on with the same request, is caused by what is handled, and is tried for the first time', () => {
    const { id, ...message } = followUp(cause, '/auction', EVENT);

    expect(id).not.toBe(cause.id);
    expect(message).toEqual({
      source: '/auction',
      payload: EVENT,
      breadCrumbs: { ...crumbs, causationId: cause.id, attempt: 1 },
      traceparent: '00-1-2-01',
    });
  });

  it('starts something where nothing is handled: it correlates to itself', () => {
    const message = followUp(undefined, '/auction', EVENT);

    expect(message.breadCrumbs).toEqual({ correlationId: message.id, attempt: 1 });
    expect(message).not.toHaveProperty('traceparent');
  });

  it('keeps the root through any number of steps, and the parent of each', () => {
    const first = followUp(undefined, '/gateway', NESTED);
    const second = followUp(first, '/auction', NESTED);
    const third = followUp(second, '/bank', EVENT);

    expect([second, third].map(({ breadCrumbs }) => breadCrumbs.correlationId)).toEqual([first.id, first.id]);
    expect([second, third].map(({ breadCrumbs }) => breadCrumbs.causationId)).toEqual([first.id, second.id]);
    expect([first, second, third].map(isRootCommand)).toEqual([true, false, false]);
  });

  it('never inherits that it ends the request', () => {
    const final = { ...cause, breadCrumbs: { ...crumbs, final: true } };
    expect(followUp(final, '/auction', EVENT).breadCrumbs).not.toHaveProperty('final');
  });

  it('may be free of the deadline, and what follows from it too', () => {
    const compensation = followUp(cause, '/auction', NESTED, { deadline: 'none' });
    const next = followUp(compensation, '/bank', NESTED);

    expect(compensation.breadCrumbs).not.toHaveProperty('deadline');
    expect(next.breadCrumbs).not.toHaveProperty('deadline');
    expect(next.breadCrumbs).toMatchObject({ requestId: 'r', reply: crumbs.reply });
  });

  it('changes nothing about its cause', () => {
    const before = structuredClone(cause);
    followUp(cause, '/auction', EVENT, { deadline: 'none' });
    expect(cause).toEqual(before);
  });
});

describe('a request', () => {
  const crumbs: BreadCrumbs = { correlationId: 'c', attempt: 1, sessionId: 's', publicKey: 'p', requestId: 'r' };

  it('is itself again by session, key and id together, and by nothing else', () => {
    const identity = requestIdentity(crumbs);

    expect(identity).toHaveLength(32);
    expect(requestIdentity({ ...crumbs, attempt: 9, causationId: 'x', user: '{}' })).toBe(identity);
    for (const changes of [
      { sessionId: 'S' },
      { publicKey: 'P' },
      { requestId: 'R' },
      { sessionId: 'sp', publicKey: '' },
    ]) {
      expect(requestIdentity({ ...crumbs, ...changes })).not.toBe(identity);
    }
    for (const missing of ['sessionId', 'publicKey', 'requestId']) {
      expect(requestIdentity({ ...crumbs, [missing]: undefined })).toBeUndefined();
    }
  });

  it('has another time-out for another deadline', () => {
    expect(timeoutId('s', 'p', 'r', 1)).toMatch(/^[0-9a-f]{64}$/);
    expect(timeoutId('s', 'p', 'r', 1)).toBe(timeoutId('s', 'p', 'r', 1));
    expect(timeoutId('s', 'p', 'r', 1)).not.toBe(timeoutId('s', 'p', 'r', 2));
  });

  it('is waited for by a client where it says who asked and where the answer belongs', () => {
    expect(isAwaited(crumbs)).toBe(false);
    expect(isAwaited({ ...crumbs, reply: { topic: 'auction', partition: 0 } })).toBe(true);
    expect(isAwaited({ ...crumbs, requestId: undefined, reply: { topic: 'auction', partition: 0 } })).toBe(false);
  });
});
