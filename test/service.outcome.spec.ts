import { HttpException, Injectable, NotFoundException } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { Transform, Type } from 'class-transformer';
import { IsArray, IsPositive, ValidateNested } from 'class-validator';
import { describe, expect, it } from 'vitest';
import { MAX_BREAD_CRUMBS_BYTES } from '../lib/message/bread-crumbs.codec.js';
import type { Command } from '../lib/message/command.js';
import type { Outcome } from '../lib/protocol/outcome.js';
import { CommandAddress } from '../lib/entity/command-address.decorator.js';
import { CommandHandler } from '../lib/service/declaration/command-handler.decorator.js';
import { CommandRejectedError } from '../lib/service/service.errors.js';
import { bidding, outcomeIn } from './support/bidding.js';
import { BACKENDS, fresh, openLog, request, type SentRequest, startService } from './support/service.js';

/** The outcome of a command whose method does this. */
async function outcomeOf(work: () => unknown): Promise<Outcome> {
  const { topic, PlaceBid } = bidding();
  @Injectable()
  class Bidding {
    @CommandHandler(PlaceBid)
    place() {
      return work();
    }
  }
  return outcomeIn({ providers: [Bidding] }, topic);
}

/** The outcome of a payload that a class with nested parts is to take. */
async function outcomeFor(data: unknown): Promise<Outcome> {
  const topic = fresh('orders');
  class Line {
    @IsPositive() amount!: number;
  }
  @CommandAddress(topic, 'PlaceBid')
  class Order {
    @IsArray()
    @ValidateNested({ each: true })
    @Type(() => Line)
    lines!: Line[];
    @Transform(({ value }: { value: string }) => value?.trim())
    note?: string;
  }
  @Injectable()
  class Ordering {
    @CommandHandler(Order)
    order({ data: order }: Command<Order>) {
      return { order, isLine: order.lines[0] instanceof Line };
    }
  }
  return outcomeIn({ providers: [Ordering] }, topic, data);
}

describe.each(BACKENDS)('on the %s log', (backend) => {
  it('each of the four statuses ends the request once, and only what failed is a dead letter', async () => {
    const { topic, PlaceBid } = bidding();
    const handled: number[] = [];
    @Injectable()
    class Bidding {
      @CommandHandler(PlaceBid)
      place({ data: { amount } }: Command<InstanceType<typeof PlaceBid>>) {
        handled.push(amount);
        if (amount === 2) throw new CommandRejectedError('BID_TOO_LOW', 'Somebody bids more.');
        if (amount === 3) throw new Error('a secret');
        return amount;
      }
    }
    const log = await openLog(backend);
    const service = await startService({ log, providers: [Bidding] });

    const sent = [];
    for (const amount of [1, -1, 2, 3]) sent.push(await request(log, topic, 'PlaceBid', { amount }));

    const outcomes = await Promise.all(sent.map(({ requestId }) => service.follower.outcome(requestId)));
    expect(outcomes).toEqual([
      { status: 'success', value: 1 },
      { status: 'invalid', errors: [{ path: 'amount', constraints: ['amount must be a positive number'] }] },
      { status: 'rejected', code: 'BID_TOO_LOW', message: 'Somebody bids more.' },
      { status: 'failed', code: 'INTERNAL', message: 'The command could not be carried out.' },
    ]);
    expect(await service.follower.deadLetter()).toMatchObject({ dlq_reason: 'failed', dlq_error: 'Error: a secret' });
    expect(service.follower.deadLetters).toHaveLength(1);
    expect(sent.map(({ requestId }) => service.follower.outcomes(requestId).length)).toEqual([1, 1, 1, 1]);
    expect(handled).toEqual([1, 2, 3]);
    expect(service.lines).toEqual([
      expect.stringMatching(/^error .*Bidding\.place failed on command PlaceBid at .*: a secret/),
    ]);
  });
});

describe('a payload', () => {
  it('that is not what its class says is invalid, by the path of each property', async () => {
    expect(await outcomeFor({ lines: [{ amount: 0 }, { amount: 1 }, { amount: 'x' }] })).toEqual({
      status: 'invalid',
      errors: [
        { path: 'lines.0.amount', constraints: ['amount must be a positive number'] },
        { path: 'lines.2.amount', constraints: ['amount must be a positive number'] },
      ],
    });
  });

  it.each([
    [null, 'null'],
    [[1], 'an array'],
    ['text', 'a string'],
    [7, 'a number'],
  ])('of %j is invalid where a class is expected', async (data, found) => {
    expect(await outcomeFor(data)).toEqual({
      status: 'invalid',
      errors: [{ path: '', constraints: [`the payload must be an object, and is ${found}`] }],
    });
  });

  it('that breaks a transformation is invalid', async () => {
    expect(await outcomeFor({ lines: [], note: 7 })).toMatchObject({ status: 'invalid', errors: [{ path: '' }] });
  });

  it('that breaks a transformation is no line of its own each time, and is never quoted', async () => {
    const topic = fresh('cards');
    @CommandAddress(topic, 'PlaceBid')
    class Card {
      @Transform(({ value }: { value: string }) => BigInt(value))
      number!: bigint;
    }
    @Injectable()
    class Paying {
      @CommandHandler(Card)
      pay() {}
    }
    const service = await startService({ providers: [Paying] });
    const sent: SentRequest[] = [];
    for (let turn = 0; turn < 5; turn++)
      sent.push(await request(service.log, topic, 'PlaceBid', { number: 'my-card-number' }));

    await service.follower.outcome(sent.at(-1)!.requestId);
    expect(service.lines).toEqual([expect.stringContaining('A payload cannot be made a Card: SyntaxError')]);
    expect(service.lines[0]).not.toContain('my-card-number');
  });

  it('comes without what the class does not declare, and with instances of what is nested', async () => {
    const data = JSON.parse('{"lines":[{"amount":1,"x":2}],"more":1,"constructor":{"name":"x"},"__proto__":{"y":1}}');
    expect(await outcomeFor(data)).toEqual({
      status: 'success',
      value: { order: { lines: [{ amount: 1 }] }, isLine: true },
    });
  });

  it('of a class without any validator passes as it is', async () => {
    const topic = fresh('free');
    @CommandAddress(topic, 'PlaceBid')
    class Anything {}
    @Injectable()
    class Taking {
      @CommandHandler(Anything)
      take({ data }: Command<Anything>) {
        return { data, isAnything: data instanceof Anything };
      }
    }
    const value = { data: { any: ['thing'] }, isAnything: true };
    expect(await outcomeIn({ providers: [Taking] }, topic, { any: ['thing'] })).toEqual({ status: 'success', value });
  });
});

describe('what a method throws', () => {
  const internal = { status: 'failed', code: 'INTERNAL', message: 'The command could not be carried out.' };

  it.each<[string, unknown, Outcome]>([
    [
      'an RpcException with a code',
      new RpcException({ code: 'A', message: 'b', secret: 1 }),
      { status: 'rejected', code: 'A', message: 'b' },
    ],
    ['an RpcException of text', new RpcException('no'), { status: 'rejected', code: 'REJECTED', message: 'no' }],
    [
      'an HTTP exception 4xx',
      new NotFoundException('No such lot.'),
      { status: 'rejected', code: 'NOT_FOUND', message: 'No such lot.' },
    ],
    [
      'an HTTP exception with a code',
      new HttpException({ code: 'GONE_FOR_GOOD', message: 'm' }, 410),
      { status: 'rejected', code: 'GONE_FOR_GOOD', message: 'm' },
    ],
    ['an HTTP exception 5xx', new HttpException('a secret', 503), internal as Outcome],
    ['text', 'a secret', internal as Outcome],
    ['nothing', undefined, internal as Outcome],
  ])('%s', async (_what, thrown, outcome) => {
    expect(
      await outcomeOf(() => {
        throw thrown;
      }),
    ).toEqual(outcome);
  });
});

describe('what a method returns', () => {
  it('is told also where the bread crumbs of the command are all that a header holds', async () => {
    const { topic, PlaceBid } = bidding();
    @Injectable()
    class Bidding {
      @CommandHandler(PlaceBid)
      place() {
        return 'placed';
      }
    }
    const service = await startService({ providers: [Bidding] });
    const sendWith = (size: number): Promise<SentRequest> =>
      request(service.log, topic, 'PlaceBid', { amount: 1 }, { crumbs: { user: 'x'.repeat(size) } }).catch(() =>
        sendWith(size - 1),
      );
    const { requestId } = await sendWith(MAX_BREAD_CRUMBS_BYTES);

    expect(await service.follower.outcome(requestId)).toEqual({ status: 'success', value: 'placed' });
    expect(service.lines).toEqual([]);
  });

  it('may be nothing', async () => {
    expect(await outcomeOf(() => undefined)).toEqual({ status: 'success' });
  });

  it('that JSON cannot carry makes the command fail, and the log names the method', async () => {
    const { topic, PlaceBid } = bidding();
    @Injectable()
    class Bidding {
      @CommandHandler(PlaceBid)
      place() {
        return { amount: 1n };
      }
    }
    const service = await startService({ providers: [Bidding] });
    const { requestId } = await request(service.log, topic, 'PlaceBid', { amount: 1 });

    expect(await service.follower.outcome(requestId)).toMatchObject({ status: 'failed', code: 'INTERNAL' });
    expect(await service.follower.deadLetter()).toMatchObject({
      dlq_reason: 'undeliverable',
      dlq_error: expect.stringContaining('payload_unserializable') as string,
    });
    expect(service.lines).toEqual([expect.stringContaining('What Bidding.place returned cannot be delivered')]);
  });

  it('that is larger than the log takes makes the command fail with a code of its own', async () => {
    const { topic, PlaceBid } = bidding();
    @Injectable()
    class Bidding {
      @CommandHandler(PlaceBid)
      place() {
        return 'x'.repeat(3_000_000);
      }
    }
    const backend = BACKENDS.at(-1)!; // the log in memory has no limit
    if (backend === 'memory') return;
    const log = await openLog(backend);
    const service = await startService({ log, providers: [Bidding] });
    const { requestId } = await request(log, topic, 'PlaceBid', { amount: 1 });

    expect(await service.follower.outcome(requestId)).toMatchObject({ status: 'failed', code: 'RESULT_TOO_LARGE' });
    expect(await service.follower.deadLetter()).toMatchObject({ dlq_reason: 'undeliverable' });
  });
});
