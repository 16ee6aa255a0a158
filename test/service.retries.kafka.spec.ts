import { Injectable } from '@nestjs/common';
import {
  type Command,
  CommandAddress,
  type CommandContext,
  CommandHandler,
  type Event,
  EventEntity,
  type EventContext,
  EventHandler,
  Retry,
  type RetryOrder,
} from 'nestjs-kafka-socket';
import { expect, it } from 'vitest';
import { ClaimInbox } from '../lib/service/inbox/claim.inbox.js';
import { InboxOptions } from '../lib/service/inbox/inbox.options.js';
import { MemoryClaimStore } from '../lib/service/inbox/memory.claim.store.js';
import { describeWithKafka } from './support/real.parts.js';
import { fresh, openLog, request, startService } from './support/service.js';

const PAUSE = 1_000;
const EACH = 6;

/** Handlers of commands and events, in both orders, which succeed when they are called for the third time, and what they were called with. */
function house() {
  const topic = fresh('dealt');
  const calls: { name: string; attempt: number; at: number }[] = [];
  const handle = (name: string, attempt: number): void => {
    calls.push({ name, attempt, at: Date.now() });
    if (calls.filter((call) => call.name === name).length < 3) throw new Error('not yet');
  };
  const retry = (order: RetryOrder) => ({ order, backoff: { first: PAUSE, factor: 1, jitter: 0 } });
  @CommandAddress(topic, 'InOrder')
  class InOrder {
    n!: number;
  }
  @CommandAddress(topic, 'OutOfOrder')
  class OutOfOrder {
    n!: number;
  }
  @EventEntity(topic, 'Sale')
  class Sale {
    n!: number;
  }
  @Injectable()
  class Worker {
    @CommandHandler(InOrder)
    @Retry(retry('in-order'))
    inOrder({ data: { n } }: Command<InOrder>, { attempt }: CommandContext): void {
      handle(`InOrder ${n}`, attempt);
    }
    @CommandHandler(OutOfOrder)
    @Retry(retry('out-of-order'))
    outOfOrder({ data: { n } }: Command<OutOfOrder>, { attempt }: CommandContext): void {
      handle(`OutOfOrder ${n}`, attempt);
    }
    @EventHandler(Sale, 'Made')
    @Retry(retry('in-order'))
    made({ data: { n } }: Event<Sale>, { attempt }: EventContext): void {
      handle(`Sale in order ${n}`, attempt);
    }
    @EventHandler(Sale, 'Made')
    @Retry(retry('out-of-order'))
    noted({ data: { n } }: Event<Sale>, { attempt }: EventContext): void {
      handle(`Sale out of order ${n}`, attempt);
    }
  }
  return { topic, Sale, Worker, calls };
}

describeWithKafka('commands and events that back off while instances come and go', () => {
  it('are tried as often as they should be, by whoever has them, and none early', { timeout: 60_000 }, async () => {
    const { topic, Sale, Worker, calls } = house();
    const options = Object.assign(new InboxOptions(), { lease: 60_000, window: 60_000 });
    const store = new MemoryClaimStore(options); // one for all of them
    const name = fresh('dealt-service');
    const start = async () =>
      startService({
        log: await openLog('kafka'),
        providers: [Worker],
        options: { name, drainTimeout: 100 },
        inbox: new ClaimInbox(store, options),
      });
    const first = await start();
    const sent = [];
    for (let n = 0; n < EACH; n++) {
      for (const command of ['InOrder', 'OutOfOrder'])
        sent.push(await request(first.log, topic, command, { n }, { key: `key-${n}` }));
      await first.publisher.event(Sale, 'Made', { n }, { key: `sale-${n}` });
    }
    await expect.poll(() => calls.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(4 * EACH);

    const second = await start(); // some go over to it while they back off
    await first.runner.stop(); // and all the others

    for (const { requestId } of sent)
      expect(await second.follower.outcome(requestId)).toMatchObject({ status: 'success' });
    await expect.poll(() => calls.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(3 * 4 * EACH);
    for (const handled of new Set(calls.map((call) => call.name))) {
      const made = calls.filter((call) => call.name === handled);
      // An attempt that was counted, and whose process was stopped before it began, is not made: see README, "Retries".
      const attempts = made.map(({ attempt }) => attempt);
      expect(attempts).toHaveLength(3);
      expect(attempts).toEqual([...new Set(attempts)].sort((one, other) => one - other));
      for (const [index, { at }] of made.slice(1).entries()) expect(at - made[index]!.at).toBeGreaterThanOrEqual(PAUSE);
    }
    for (const { requestId } of sent) expect(second.follower.outcomes(requestId)).toHaveLength(1);
    expect(second.follower.deadLetters).toEqual([]);
  });
});
