import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { CommandAddress } from '../lib/entity/command-address.decorator.js';
import type { Command } from '../lib/message/command.js';
import { CommandHandler } from '../lib/service/declaration/command-handler.decorator.js';
import { EventEntity } from '../lib/entity/event-entity.decorator.js';
import { EventHandler } from '../lib/service/declaration/event-handler.decorator.js';
import type { CommandContext, EventContext } from '../lib/service/handling/handler.context.js';
import { MessagePublisher } from '../lib/service/message.publisher.js';
import { BACKENDS, fresh, Gate, openLog, request, startService } from './support/service.js';

function paying() {
  const topic = fresh('paying');
  @CommandAddress(topic, 'Pay')
  class Pay {
    amount!: number;
  }
  @CommandAddress(topic, 'Refund')
  class Refund {}
  @CommandAddress(topic, 'Start')
  class Start {}
  @EventEntity(topic, 'Payment')
  class Payment {}
  return { topic, Pay, Refund, Start, Payment };
}

const past = () => Date.now() - 1;
const soon = () => Date.now() + 60_000;

describe.each(BACKENDS)('a command that is read after its deadline, on the %s log', (backend) => {
  it('goes to the dead letters, ends in a time-out, and never reaches its handler', async () => {
    const { topic, Pay } = paying();
    const seen: number[] = [];
    @Injectable()
    class Paying {
      @CommandHandler(Pay)
      pay({ data }: Command<InstanceType<typeof Pay>>) {
        seen.push(data.amount);
      }
    }
    const log = await openLog(backend);
    const service = await startService({ log, providers: [Paying] });

    const late = await request(log, topic, 'Pay', { amount: 1 }, { crumbs: { deadline: past() } });
    const marker = await request(log, topic, 'Pay', { amount: 2 }, { crumbs: { deadline: soon() } }); // same key: read after it

    expect(await service.follower.outcome(marker.requestId)).toMatchObject({ status: 'success' });
    expect(seen).toEqual([2]);
    expect(await service.follower.outcome(late.requestId)).toEqual({
      status: 'timeout',
      code: 'TIMEOUT',
      message: '"Pay" was not finished before its deadline.',
    });
    expect(await service.follower.deadLetter()).toMatchObject({
      dlq_reason: 'expired',
      dlq_topic: topic,
      dlq_partition: String(late.at.partition),
      dlq_offset: String(late.at.offset),
      ce_type: 'command.Pay',
    });
  });
});

describe('clocks that differ', () => {
  it('by less than the skew let a command pass', async () => {
    const { topic, Pay } = paying();
    @Injectable()
    class Paying {
      @CommandHandler(Pay)
      pay(_command: Command, { signal }: CommandContext) {
        return { aborted: signal.aborted };
      }
    }
    const service = await startService({ providers: [Paying], now: () => 10_500, clockSkew: 1_000 });

    const inTime = await request(service.log, topic, 'Pay', {}, { crumbs: { deadline: 10_000 } });
    const late = await request(service.log, topic, 'Pay', {}, { crumbs: { deadline: 9_000 } });

    expect(await service.follower.outcome(inTime.requestId)).toEqual({ status: 'success', value: { aborted: false } });
    expect(await service.follower.outcome(late.requestId)).toMatchObject({ status: 'timeout' });
  });
});

describe('a deadline that passes while the method runs', () => {
  it('aborts its signal; where the method heeds it the command expires', async () => {
    const { topic, Pay } = paying();
    const budgets: number[] = [];
    @Injectable()
    class Paying {
      @CommandHandler(Pay)
      async pay(_command: Command, context: CommandContext) {
        budgets.push(context.remaining());
        await sleep(60_000, undefined, { signal: context.signal });
      }
    }
    const service = await startService({ providers: [Paying] });

    const { requestId } = await request(service.log, topic, 'Pay', {}, { crumbs: { deadline: Date.now() + 100 } });

    expect(await service.follower.outcome(requestId)).toMatchObject({ status: 'timeout', code: 'TIMEOUT' });
    expect(await service.follower.deadLetter()).toMatchObject({
      dlq_reason: 'expired',
      dlq_error: expect.stringContaining('deadline_passed') as string,
    });
    expect(budgets[0]).toBeGreaterThan(0);
    expect(budgets[0]).toBeLessThanOrEqual(100);
  });

  it('lets a method that goes on all the same answer, too late', async () => {
    const { topic, Pay } = paying();
    @Injectable()
    class Paying {
      @CommandHandler(Pay)
      async pay(_command: Command, { signal }: CommandContext) {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        return 'paid';
      }
    }
    const service = await startService({ providers: [Paying] });

    const { requestId } = await request(service.log, topic, 'Pay', {}, { crumbs: { deadline: Date.now() + 30 } });

    expect(await service.follower.outcome(requestId)).toEqual({ status: 'success', value: 'paid' });
    expect(service.follower.deadLetters).toEqual([]);
  });
});

describe('what follows from a command past its deadline', () => {
  it('is handled if it is an event, or a compensation, and expires if it is another command', async () => {
    const { topic, Pay, Refund, Start, Payment } = paying();
    const seen: string[] = [];
    @Injectable()
    class Paying {
      constructor(private readonly publisher: MessagePublisher) {}
      @EventHandler(Payment, 'Made')
      async onPayment(_event: unknown, context: EventContext) {
        seen.push(`event ${context.signal.aborted}`);
        await this.publisher.command(Pay, { amount: 1 });
        await this.publisher.command(Refund, {}, { deadline: 'none' });
      }
      @CommandHandler(Pay)
      pay() {
        seen.push('pay');
      }
      @CommandHandler(Refund)
      refund() {
        seen.push('refund');
      }
      @CommandHandler(Start)
      async start() {
        await this.publisher.event(Payment, 'Made', {});
      }
    }
    const service = await startService({ providers: [Paying] });
    const gate = new Gate();
    const publish = service.log.publish.bind(service.log);
    service.log.publish = async (record) => {
      if (record.headers['ce_type'] === 'event.Payment.Made') await gate.opened;
      return publish(record);
    };
    const deadline = Date.now() + 30;
    const { requestId } = await request(service.log, topic, 'Start', {}, { crumbs: { deadline } });
    while (Date.now() <= deadline) await sleep(1);
    gate.open();

    await service.follower.message('result.Refund');
    expect(seen).toEqual(['event false', 'refund']);
    expect(await service.follower.deadLetter()).toMatchObject({ dlq_reason: 'expired', ce_type: 'command.Pay' });
    // It is no root command: only the time-out of the request itself may end it.
    expect(service.follower.outcomes(requestId).filter(({ status }) => status === 'timeout')).toEqual([]);
    expect(service.follower.deadLetters).toHaveLength(1);
  });
});

describe('a method that runs longer than it may', () => {
  it('fails its command, and the next one of the key is carried out', async () => {
    const { topic, Pay } = paying();
    const reasons: unknown[] = [];
    @Injectable()
    class Paying {
      @CommandHandler(Pay)
      async pay({ data }: Command<InstanceType<typeof Pay>>, { signal }: CommandContext) {
        if (data.amount === 2) return 'next';
        signal.addEventListener('abort', () => reasons.push((signal.reason as { reason: string }).reason));
        return new Promise(() => undefined); // deaf, and for ever
      }
    }
    const service = await startService({ providers: [Paying], options: { handlerTimeout: 30 } });

    const stuck = await request(service.log, topic, 'Pay', { amount: 1 });
    const next = await request(service.log, topic, 'Pay', { amount: 2 });

    expect(await service.follower.outcome(next.requestId)).toEqual({ status: 'success', value: 'next' });
    expect(await service.follower.outcome(stuck.requestId)).toMatchObject({
      status: 'failed',
      code: 'HANDLER_TIMEOUT',
    });
    expect(await service.follower.deadLetter()).toMatchObject({ dlq_reason: 'timeout', dlq_handler: 'Paying.pay' });
    expect(reasons).toEqual(['handler_timeout']);
    expect(service.lines).toEqual([
      expect.stringMatching(/^warn .*Paying\.pay has not ended 30 ms after it was given/),
    ]);
  });
});
