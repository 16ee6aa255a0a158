import { Injectable } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { requestIdentity } from '../lib/message/request.identity.js';
import type { Assignment } from '../lib/log/message.log.js';
import { CommandAddress } from '../lib/entity/command-address.decorator.js';
import { CommandHandler } from '../lib/service/declaration/command-handler.decorator.js';
import type { Handler } from '../lib/service/declaration/handler.js';
import { HandlerRegistry } from '../lib/service/declaration/handler.registry.js';
import { MessagePublisher } from '../lib/service/message.publisher.js';
import { RedeliveryGuard } from '../lib/service/dispatch/redelivery.guard.js';
import { RecentMap } from '../lib/service/dispatch/recent.map.js';
import { endRequest } from './support/ended.request.js';
import { BACKENDS, fresh, Gate, openLog, request, startService } from './support/service.js';

const REQUEST = '0190a0a0-0000-7000-8000-000000000001';

function bank(gate?: Gate) {
  const topic = fresh('bank');
  const effects: number[] = [];
  @CommandAddress(topic, 'Pay')
  class Pay {
    amount!: number;
  }
  @Injectable()
  class Paying {
    @CommandHandler(Pay)
    async pay({ data }: { data: Pay }) {
      await gate?.opened;
      effects.push(data.amount);
      return data.amount;
    }
  }
  return { topic, Pay, Paying, effects };
}

describe.each(BACKENDS)('a request that was sent twice, on the %s log', (backend) => {
  it('is handled once', async () => {
    const { topic, Paying, effects } = bank();
    const log = await openLog(backend);
    const service = await startService({ log, providers: [Paying] });

    const { at } = await request(log, topic, 'Pay', { amount: 1 }, { crumbs: { requestId: REQUEST } });
    // Under another key they would run side by side: only the log says which of the two came first.
    const again = { key: 'other', partition: at.partition, crumbs: { requestId: REQUEST } };
    await request(log, topic, 'Pay', { amount: 2 }, again);
    await request(log, topic, 'Pay', { amount: 2 }, again);
    const marker = await request(log, topic, 'Pay', { amount: 3 }, { key: 'other', partition: at.partition });

    await service.follower.outcome(marker.requestId);
    expect(effects).toEqual([1, 3]);
    expect(service.follower.outcomes(REQUEST)).toEqual([{ status: 'success', value: 1 }]);
    expect(service.follower.deadLetters).toEqual([]);
  });

  it('is handled once, also where the service was started anew in between', async () => {
    const { topic, Paying, effects } = bank();
    const log = await openLog(backend);
    const name = fresh('bank');
    const first = await startService({ log, providers: [Paying], options: { name } });
    await request(log, topic, 'Pay', { amount: 1 }, { crumbs: { requestId: REQUEST } });
    await first.follower.outcome(REQUEST);
    // Read after that outcome, so the next instance begins beyond it.
    const between = await request(log, topic, 'Pay', { amount: 2 });
    await first.follower.outcome(between.requestId);
    await first.runner.stop();

    await request(log, topic, 'Pay', { amount: 3 }, { crumbs: { requestId: REQUEST } });
    const second = await startService({ log, providers: [Paying], options: { name } });
    const marker = await request(log, topic, 'Pay', { amount: 4 });

    await second.follower.outcome(marker.requestId);
    expect(effects).toEqual([1, 2, 4]);
  });

  it('is not handled at all where its outcome is in the log already', async () => {
    const { topic, Paying, effects } = bank();
    const log = await openLog(backend);
    await log.ensureTopics([topic]);
    const answered = await request(log, topic, 'Pay', { amount: 1 }, { crumbs: { requestId: REQUEST } });
    await endRequest(log, topic, answered, 'Pay', { status: 'success', value: 1 });

    const service = await startService({ log, providers: [Paying] });
    const marker = await request(log, topic, 'Pay', { amount: 3 });

    await service.follower.outcome(marker.requestId);
    expect(effects).toEqual([3]);
    expect(service.follower.outcomes(REQUEST)).toHaveLength(1);
    expect(service.follower.deadLetters).toEqual([]);
  });
});

describe('an outcome that is written while the partition is read back', () => {
  it('is known before the first command is handled', async () => {
    const topic = fresh('bank');
    const log = await openLog('memory');
    await log.ensureTopics([topic]);
    const command = await request(log, topic, 'Pay', { amount: 1 }, { crumbs: { requestId: REQUEST } });
    const read = log.read.bind(log);
    let written = false;
    log.read = async function* (range, signal) {
      yield* read(range, signal);
      if (!written) await endRequest(log, topic, command, 'Pay', { status: 'success' });
      written = true;
    };
    const handler = { kind: 'command', topic, name: 'Pay', publications: [] } as unknown as Handler;
    const guard = new RedeliveryGuard(new HandlerRegistry([handler]), { window: 60_000, remembered: 10 }, Date.now);
    const { partition } = command.at;
    const signal = new AbortController().signal;

    await guard.readBack(log, { topic, partition, position: 0n, signal } as Assignment);

    const crumbs = { sessionId: 'session-1', publicKey: 'key-1', requestId: REQUEST, correlationId: '', attempt: 1 };
    expect(guard.endingOf(requestIdentity(crumbs))).toBe('answered');
  });
});

describe('a request whose client was told that it is too late', () => {
  it('expires, although its deadline has not passed by our clock', async () => {
    const { topic, Paying, effects } = bank();
    const log = await openLog('memory');
    await log.ensureTopics([topic]);
    const late = await request(log, topic, 'Pay', { amount: 1 }, { crumbs: { deadline: Date.now() + 60_000 } });
    await endRequest(log, topic, late, 'Pay', { status: 'timeout' });

    const service = await startService({ log, providers: [Paying] });
    const marker = await request(log, topic, 'Pay', { amount: 3 });

    await service.follower.outcome(marker.requestId);
    expect(effects).toEqual([3]);
    expect(await service.follower.deadLetter()).toMatchObject({ dlq_reason: 'expired' });
  });
});

describe('what is not the same request', () => {
  it('is handled: another session, another key, or a command that follows from it', async () => {
    const { topic, Pay, Paying, effects } = bank();
    const startTopic = fresh('start');
    @CommandAddress(startTopic, 'Start')
    class Start {}
    @Injectable()
    class Starting {
      constructor(private readonly publisher: MessagePublisher) {}
      @CommandHandler(Start)
      async start() {
        await this.publisher.command(Pay, { amount: 4 });
        await this.publisher.command(Pay, { amount: 5 });
      }
    }
    const service = await startService({ providers: [Paying, Starting] });
    const { log, follower } = service;

    await request(log, topic, 'Pay', { amount: 1 }, { crumbs: { requestId: REQUEST } });
    await request(log, topic, 'Pay', { amount: 2 }, { crumbs: { requestId: REQUEST, sessionId: 'session-2' } });
    await request(log, topic, 'Pay', { amount: 3 }, { crumbs: { requestId: REQUEST, publicKey: 'key-2' } });
    await request(log, startTopic, 'Start', {}, { crumbs: { requestId: REQUEST } });

    await follower.next('answers', () => follower.ofType('result.Pay').length === 5);
    expect(effects.sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5]);
  });
});

describe('what is remembered', () => {
  it('is forgotten after the window, and not before', () => {
    let now = 0;
    const map = new RecentMap<string>(100, 1_000, () => now);
    map.set('a', 'A');
    now = 99;
    map.set('b', 'B');
    now = 150;
    map.set('c', 'C'); // a turn: the old half is empty, a and b become it
    expect([map.get('a'), map.get('b'), map.get('c')]).toEqual(['A', 'B', 'C']);
    now = 251;
    map.set('d', 'D');
    expect([map.get('a'), map.get('b'), map.get('c'), map.get('d')]).toEqual([undefined, undefined, 'C', 'D']);
    now = 1_000;
    map.set('e', 'E');
    expect([map.get('c'), map.get('d'), map.get('e')]).toEqual([undefined, undefined, 'E']);
  });

  it('is bounded', () => {
    const map = new RecentMap<number>(100, 10, () => 0);
    for (let i = 0; i < 1_000; i++) map.set(String(i), i);
    const known = Array.from({ length: 1_000 }, (_, i) => map.get(String(i))).filter((value) => value !== undefined);
    expect(known.length).toBeLessThanOrEqual(10);
    expect(map.get('999')).toBe(999);
  });
});
