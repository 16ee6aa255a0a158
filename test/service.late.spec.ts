import { Injectable } from '@nestjs/common';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { DeadLetterBox } from '../lib/dead-letters/dead-letter.box.js';
import type { MessageLog } from '../lib/log/message.log.js';
import type { BreadCrumbs } from '../lib/message/bread-crumbs.js';
import type { Command } from '../lib/message/command.js';
import { isTerminal } from '../lib/message/outcome.rule.js';
import type { Outcome } from '../lib/protocol/outcome.js';
import { CommandAddress } from '../lib/entity/command-address.decorator.js';
import { CommandHandler } from '../lib/service/declaration/command-handler.decorator.js';
import type { CommandContext, LateContext } from '../lib/service/handling/handler.context.js';
import { MessagePublisher } from '../lib/service/message.publisher.js';
import { sharedInboxes } from './support/inboxes.js';
import { Measurements } from './support/measurements.js';
import { BACKENDS, fresh, Gate, openLog, request, startService } from './support/service.js';
import { endRequest } from './support/ended.request.js';

interface Receipt {
  readonly receipt: string;
}

/** A shop whose charging can be held at a gate, until its client was told that it is too late. */
function shop() {
  const topic = fresh('shop');
  const gate = new Gate();
  const charging: string[] = [];
  const told: { outcome: Outcome<Receipt>; context: LateContext }[] = [];
  const refunds: string[] = [];
  const trouble: { next?: Error } = {};
  @CommandAddress(topic, 'Charge')
  class Charge {
    fail?: boolean;
  }
  @CommandAddress(topic, 'Refund')
  class Refund {
    receipt!: string;
  }
  @Injectable()
  class Shop {
    constructor(private readonly publisher: MessagePublisher) {}

    @CommandHandler(Charge, { onLate: 'undo' })
    async charge({ data }: Command<Charge>, { message }: CommandContext): Promise<Receipt> {
      charging.push(message.breadCrumbs.requestId!);
      await gate.opened;
      if (data.fail) throw new Error('the till is broken');
      return { receipt: message.breadCrumbs.requestId! };
    }

    async undo(outcome: Outcome<Receipt>, context: LateContext): Promise<void> {
      told.push({ outcome, context });
      const { next } = trouble;
      delete trouble.next;
      if (next) throw next;
      if (outcome.status === 'success') await this.publisher.command(Refund, outcome.value!);
    }

    @CommandHandler(Refund)
    refund({ data: { receipt } }: Command<Refund>): void {
      refunds.push(receipt);
    }
  }
  /** Sends a command and waits until it is at the gate; then its client is told that it is too late. */
  const charge = async (log: MessageLog, crumbs: Partial<BreadCrumbs> = {}) => {
    const sent = await request(log, topic, 'Charge', {}, { key: 'till', crumbs });
    onTestFinished(() => gate.open()); // before the service stops, which waits for its handlers
    await vi.waitUntil(() => charging.includes(sent.requestId), { timeout: 15_000, interval: 5 });
    return sent;
  };
  return { topic, gate, told, refunds, trouble, Shop, charge };
}

describe.each(BACKENDS)('an answer behind the time-out of its request, on the %s log', (backend) => {
  it('is told once to the handler that gave it, and what follows is carried out though it is late', async () => {
    const { topic, gate, told, refunds, Shop, charge } = shop();
    const log = await openLog(backend);
    const { follower } = await startService({ log, providers: [Shop] });
    const deadline = Date.now() + 2_000;
    const late = await charge(log, { deadline });
    await endRequest(log, topic, late, 'Charge', { status: 'timeout' });
    await vi.waitUntil(() => Date.now() > deadline, { timeout: 15_000 });
    gate.open();

    const refund = await follower.message('command.Refund');
    await follower.message('result.Refund');

    const value = { receipt: late.requestId };
    expect(told.map(({ outcome }) => outcome)).toEqual([{ status: 'success', value }]);
    const { message } = told[0]!.context;
    expect(message.payload).toEqual({ kind: 'result', name: 'Charge', data: { status: 'success', value } });
    expect(message.breadCrumbs).toMatchObject({ requestId: late.requestId, correlationId: late.id });
    expect(refund.breadCrumbs).toMatchObject({ requestId: late.requestId, causationId: message.id });
    expect(refund.breadCrumbs.deadline).toBeUndefined();
    expect(refunds).toEqual([late.requestId]);
    expect(follower.outcomes(late.requestId).map(({ status }) => status)).toEqual(['timeout', 'success']);
  });

  it('is told to whoever takes over where nobody was told before, and not again where it was committed', async () => {
    const { topic, gate, told, Shop } = shop();
    const log = await openLog(backend);
    await log.ensureTopics([topic]);
    const sent = await request(log, topic, 'Charge', {}, { key: 'till' });
    for (const status of ['timeout', 'success'] as const) await endRequest(log, topic, sent, 'Charge', { status });
    gate.open();
    const options = { name: fresh('shop') };

    for (let i = 0; i < 2; i++) {
      const { follower, runner } = await startService({ log, providers: [Shop], options });
      const marker = await request(log, topic, 'Charge', {}, { key: 'session-1', partition: sent.at.partition });
      await follower.outcome(marker.requestId); // of the same key as the late answer, so behind it
      await runner.stop();
    }

    expect(told.map(({ outcome }) => outcome)).toEqual([{ status: 'success' }]);
  });
});

describe('an answer', () => {
  /** Ends a request as it is written there, and gives the answers that were told. */
  async function toldOf(ends: readonly (readonly [Outcome['status'], Partial<BreadCrumbs>?])[]) {
    const { topic, told, Shop, charge } = shop();
    const { log, follower } = await startService({ providers: [Shop] });
    const sent = await charge(log);
    for (const [status, crumbs] of ends) await endRequest(log, topic, sent, 'Charge', { status }, crumbs);
    const place = { key: 'session-1', partition: sent.at.partition }; // read, and handled, behind all of them
    const marker = await request(log, topic, 'Refund', {}, place);
    await follower.outcome(marker.requestId);
    return told.map(({ outcome }) => outcome.status);
  }

  it('that came first is not told, whatever comes behind it', async () => {
    expect(await toldOf([['success'], ['timeout'], ['success']])).toEqual([]);
  });

  it('is told once, however often it is written', async () => {
    expect(await toldOf([['timeout'], ['success'], ['success']])).toEqual(['success']);
  });

  it('that failed is told, too', async () => {
    expect(await toldOf([['timeout'], ['failed']])).toEqual(['failed']);
  });

  it('is none where the time-out came twice', async () => {
    expect(await toldOf([['timeout'], ['timeout']])).toEqual([]);
  });

  it('that is not final is passed by', async () => {
    expect(await toldOf([['timeout'], ['success', { final: false }]])).toEqual([]);
  });

  it.each([{ publicKey: 'key-2' }, { sessionId: 'session-2' }])('of %o is no answer to this one', async (crumbs) => {
    expect(await toldOf([['timeout'], ['success', crumbs]])).toEqual([]);
  });

  it('that took longer than anybody remembers is told by the log', async () => {
    const { topic, told, Shop, charge } = shop();
    let now = Date.now();
    const { log, follower } = await startService({ providers: [Shop], options: { window: 1_000 }, now: () => now });
    const late = await charge(log);
    const crumbs = { deadline: Date.now() - 1 };
    await endRequest(log, topic, late, 'Charge', { status: 'timeout' }, crumbs);
    const place = { partition: late.at.partition };
    const inTime = await request(log, topic, 'Charge', {}, { ...place, key: 'till' });
    for (const key of ['a', 'b', 'c']) {
      now += 1_001;
      const other = await request(log, topic, 'Refund', {}, { ...place, key });
      await follower.outcome(other.requestId);
      await endRequest(log, topic, other, 'Refund', { status: 'timeout' });
    }

    await endRequest(log, topic, inTime, 'Charge', { status: 'success' }, crumbs);
    await endRequest(log, topic, late, 'Charge', { status: 'success' }, crumbs);
    const marker = await request(log, topic, 'Refund', {}, { ...place, key: 'session-1' });
    await follower.outcome(marker.requestId);

    expect(told.map(({ context }) => context.message.breadCrumbs.requestId)).toEqual([late.requestId]);
  });
});

describe('a method that cannot take a late answer', () => {
  it('makes a dead letter of it; sent back, it is told again, and ends nothing', async () => {
    const { topic, told, trouble, Shop, charge } = shop();
    trouble.next = new Error('the bank is away');
    const { log, follower } = await startService({ providers: [Shop], inbox: sharedInboxes('memory')() });
    const late = await charge(log);
    await endRequest(log, topic, late, 'Charge', { status: 'timeout' });
    await endRequest(log, topic, late, 'Charge', { status: 'success', value: { receipt: 'r' } });

    expect(await follower.deadLetter()).toMatchObject({
      ce_type: 'result.Charge',
      dlq_reason: 'failed',
      dlq_error: 'Error: the bank is away',
      dlq_handler: 'Shop.undo',
    });
    const box = new DeadLetterBox(log);
    for await (const letter of box.list(topic, { reasons: ['failed'] })) await box.replay(letter);
    await follower.message('result.Refund');

    expect(told).toHaveLength(2);
    const written = follower.ofType('result.Charge').filter((record) => record.topic === topic);
    expect(written.map((record) => isTerminal(record.headers))).toEqual([true, true, false]);
  });
});

describe('a late answer that is read again', () => {
  it('is told once where there is an inbox', async () => {
    const { topic, gate, told, refunds, Shop } = shop();
    const log = await openLog('memory');
    await log.ensureTopics([topic]);
    const sent = await request(log, topic, 'Charge', {}, { key: 'till' });
    await endRequest(log, topic, sent, 'Charge', { status: 'timeout' });
    await endRequest(log, topic, sent, 'Charge', { status: 'success', value: { receipt: 'r' } });
    gate.open();
    const inboxes = sharedInboxes('memory');

    // Two groups that share an inbox read what one of them has not committed for the other.
    for (let i = 0; i < 2; i++) {
      const { follower, runner } = await startService({ log, providers: [Shop], inbox: inboxes() });
      const marker = await request(log, topic, 'Charge', {}, { key: 'session-1', partition: sent.at.partition });
      await follower.outcome(marker.requestId);
      await runner.stop();
    }

    expect(told).toHaveLength(1);
    expect(refunds.filter((receipt) => receipt === 'r').length).toBeLessThanOrEqual(1);
  });
});

describe('a command that is answered later', () => {
  it('tells its own handler that a reply came too late', async () => {
    const topic = fresh('sale');
    const told: unknown[] = [];
    @CommandAddress(topic, 'Settle')
    class Settle {}
    @CommandAddress(topic, 'Pay')
    class Pay {}
    const gate = new Gate();
    @Injectable()
    class Selling {
      constructor(private readonly publisher: MessagePublisher) {}
      @CommandHandler(Settle, { reply: 'later', onLate: 'reopen' })
      async settle(): Promise<void> {
        await this.publisher.command(Pay, {}, { deadline: 'none' });
      }
      @CommandHandler(Pay)
      async pay(): Promise<void> {
        await gate.opened;
        await this.publisher.reply({ sold: true });
      }
      reopen(outcome: Outcome<{ sold: boolean }>, { user }: LateContext): void {
        told.push(outcome, user);
      }
    }
    const { log, follower } = await startService({ providers: [Selling] });
    const sent = await request(log, topic, 'Settle', {}, { key: 'lot', crumbs: { user: '{"sub":"zoe"}' } });
    await follower.message('command.Pay');
    await endRequest(log, topic, sent, 'Settle', { status: 'timeout' });
    gate.open();

    await expect.poll(() => told).toEqual([{ status: 'success', value: { sold: true } }, { sub: 'zoe' }]);
  });
});

describe('what a service measures', () => {
  it('is answers that came too late, told to somebody or not, and dead letters by reason', async () => {
    const measured = Measurements.begin();
    const { topic, trouble, Shop, charge } = shop();
    trouble.next = new Error('the bank is away');
    const name = fresh('shop');
    const { log, follower } = await startService({ providers: [Shop], options: { name } });
    const late = await charge(log);
    await endRequest(log, topic, late, 'Charge', { status: 'timeout' });
    await endRequest(log, topic, late, 'Charge', { status: 'success' });
    const plain = await request(log, topic, 'Refund', {}, { key: 'till' }); // waits behind the first, untold
    await endRequest(log, topic, plain, 'Refund', { status: 'timeout' });
    await endRequest(log, topic, plain, 'Refund', { status: 'success' });
    await follower.deadLetter();

    const of = (what: string, attributes: object) =>
      measured.of(`kafka_socket.service.${what}`, { service: name, ...attributes });
    await expect.poll(() => of('late', { command: 'Refund' })).toBe(1);
    expect(await of('late', { command: 'Charge' })).toBe(1);
    expect(await of('dead_letters', { reason: 'failed' })).toBe(1);
  });
});
