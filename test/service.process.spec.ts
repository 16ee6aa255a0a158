import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { encodeMessage } from '../lib/message/cloud-events.codec.js';
import type { Event } from '../lib/message/event.js';
import { CommandAddress } from '../lib/entity/command-address.decorator.js';
import { CommandHandler } from '../lib/service/declaration/command-handler.decorator.js';
import { EventEntity } from '../lib/entity/event-entity.decorator.js';
import { EventHandler } from '../lib/service/declaration/event-handler.decorator.js';
import { MessagePublisher } from '../lib/service/message.publisher.js';
import { CommandRejectedError } from '../lib/service/service.errors.js';
import { BACKENDS, buildService, fresh, openLog, request, startService } from './support/service.js';

/** A process over two services: Settle is answered when Payment says so. */
function settling(end: (publisher: MessagePublisher) => Promise<void>) {
  const topic = fresh('settling');
  @CommandAddress(topic, 'Settle')
  class Settle {
    fail?: string;
  }
  @CommandAddress(topic, 'Charge')
  class Charge {}
  @EventEntity(topic, 'Payment')
  class Payment {}

  @Injectable()
  class Settling {
    constructor(private readonly publisher: MessagePublisher) {}
    @CommandHandler(Settle, { reply: 'later' })
    async settle(command: { data: Settle }): Promise<string> {
      if (command.data.fail) throw new CommandRejectedError(command.data.fail, 'No.');
      await this.publisher.command(Charge, {});
      return 'not the answer';
    }
    @EventHandler(Payment, 'Made')
    async onPayment(_event: Event<Payment>): Promise<void> {
      await new Promise((resolve) => setImmediate(resolve));
      await end(this.publisher);
    }
  }
  @Injectable()
  class Paying {
    constructor(private readonly publisher: MessagePublisher) {}
    @CommandHandler(Charge)
    async charge(): Promise<string> {
      await this.publisher.event(Payment, 'Made', {});
      return 'charged';
    }
  }
  return { topic, Settling, Paying, Payment };
}

describe.each(BACKENDS)('a process over two services on the %s log', (backend) => {
  it('ends by its reply, and not by the answer of a nested command', async () => {
    const { topic, Settling, Paying } = settling((publisher) => publisher.reply({ settled: true }));
    const log = await openLog(backend);
    const settle = await startService({ log, providers: [Settling] });
    await startService({ log, providers: [Paying] });

    const { requestId, id } = await request(log, topic, 'Settle', {});

    expect(await settle.follower.outcome(requestId)).toEqual({ status: 'success', value: { settled: true } });
    const nested = await settle.follower.message('result.Charge');
    expect(nested.payload.data).toEqual({ status: 'success', value: 'charged' });
    expect(nested.breadCrumbs).toMatchObject({ requestId, correlationId: id });
    expect(nested.breadCrumbs.final).toBeUndefined();
    // The reply, written by an event's handler, names the command that the client sent.
    const ending = await settle.follower.message('result.Settle', ({ breadCrumbs }) => breadCrumbs.final === true);
    expect(ending.breadCrumbs).toMatchObject({ requestId, correlationId: id });
    expect(settle.follower.outcomes(requestId)).toHaveLength(1);
  });
});

describe('a command that is answered later', () => {
  it('ends at once where its own handler throws', async () => {
    const { topic, Settling } = settling(() => Promise.resolve());
    const service = await startService({ providers: [Settling] });

    const { requestId } = await request(service.log, topic, 'Settle', { fail: 'CLOSED' });

    expect(await service.follower.outcome(requestId)).toEqual({ status: 'rejected', code: 'CLOSED', message: 'No.' });
  });

  it('is rejected by a reply that is an error', async () => {
    const { topic, Settling, Paying } = settling((publisher) =>
      publisher.reply(new CommandRejectedError('CARD_DECLINED', 'The card was declined.')),
    );
    const service = await startService({ providers: [Settling, Paying] });

    const { requestId } = await request(service.log, topic, 'Settle', {});

    const rejection = { status: 'rejected', code: 'CARD_DECLINED', message: 'The card was declined.' };
    expect(await service.follower.outcome(requestId)).toEqual(rejection);
  });

  it('fails by a reply that is an error of any other kind, whose text stays here', async () => {
    const { topic, Settling, Paying } = settling((publisher) => publisher.reply(new Error('a secret')));
    const service = await startService({ providers: [Settling, Paying] });

    const { requestId } = await request(service.log, topic, 'Settle', {});

    expect(await service.follower.outcome(requestId)).toMatchObject({ status: 'failed', code: 'INTERNAL' });
    expect(service.lines).toEqual([expect.stringContaining('Settle failed: a secret')]);
  });

  it('has its time-out taken back by the reply, and not before', async () => {
    const { topic, Settling, Paying } = settling((publisher) => publisher.reply('done'));
    const service = await startService({ providers: [Settling, Paying] });
    const order: string[] = [];
    const { scheduler, log, follower } = service;
    const [disarm, publish] = [scheduler.disarm.bind(scheduler), log.publish.bind(log)];
    scheduler.disarm = (id) => {
      order.push(`disarmed ${id}`);
      return disarm(id);
    };
    log.publish = async (record) => {
      const at = await publish(record);
      order.push(`published ${String(record.headers['ce_type'])}`);
      return at;
    };

    const { requestId } = await request(log, topic, 'Settle', {}, { crumbs: { timeoutId: 'job-1' } });

    await follower.outcome(requestId);
    await follower.message('result.Charge');
    expect(order.filter((step) => /Settle$|job/.test(step))).toEqual([
      'published command.Settle',
      'published result.Settle',
      'disarmed job-1',
    ]);
  });
});

describe('a reply', () => {
  it('to what nobody waits for does nothing', async () => {
    const replied: string[] = [];
    const { Settling, Paying, Payment } = settling(async (publisher) => {
      await publisher.reply('for whom?');
      replied.push('yes');
      await publisher.event(Payment, 'Noted', {});
    });
    const service = await startService({ providers: [Settling, Paying] });

    await service.publisher.event(Payment, 'Made', {});

    await service.follower.message('event.Payment.Noted');
    expect(replied).toEqual(['yes']);
    expect(service.follower.records.filter(({ topic }) => topic.endsWith('.dlq'))).toEqual([]);
    expect(service.follower.ofType('result.Payment')).toEqual([]);
  });

  it('to a request that others began is named by what is known', async () => {
    const { topic, Settling, Paying } = settling((publisher) => publisher.reply('done'));
    const service = await startService({ providers: [Settling, Paying] });
    const requestId = randomUUID();
    const reply = { topic, partition: 1 };
    const breadCrumbs = { requestId, sessionId: 's', correlationId: 'root', attempt: 1, reply };
    const payload = { kind: 'event' as const, name: 'Payment.Made', entity: 'Payment', eventType: 'Made', data: {} };
    const encoded = encodeMessage({ id: 'an-event', source: '/other', breadCrumbs, payload });

    await service.log.publish({ topic, key: 'k', ...encoded });

    expect(await service.follower.outcome(requestId)).toEqual({ status: 'success', value: 'done' });
    expect(service.follower.ofType('result.Payment')[0]).toMatchObject({ partition: 1, key: Buffer.from('s') });
  });

  it('outside of a handler is an error', async () => {
    const { publisher } = await buildService({});
    await expect(publisher.reply('hello')).rejects.toMatchObject({ code: 'reply_impossible' });
  });
});
