import { Controller, Inject, Injectable, Module, Scope } from '@nestjs/common';
import { type ContextId, ContextIdFactory, type ContextIdStrategy, REQUEST } from '@nestjs/core';
import { Ctx, Payload } from '@nestjs/microservices';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CommandHandler } from '../lib/service/declaration/command-handler.decorator.js';
import { CommandContext } from '../lib/service/handling/handler.context.js';
import { MessagePublisher } from '../lib/service/message.publisher.js';
import { bidding } from './support/bidding.js';
import { openLog, request, startService } from './support/service.js';

describe('providers', () => {
  it('of request scope are made for each command, and can inject its context', async () => {
    const { topic, PlaceBid } = bidding();
    let made = 0;
    @Injectable({ scope: Scope.REQUEST })
    class Bidding {
      constructor(@Inject(REQUEST) private readonly context: CommandContext) {
        made++;
      }
      @CommandHandler(PlaceBid)
      place(@Ctx() context: CommandContext) {
        return [made, this.context === context, this.context.user?.['sub']];
      }
    }
    const service = await startService({ providers: [Bidding] });

    const first = await request(service.log, topic, 'PlaceBid', { amount: 1 }, { crumbs: { user: '{"sub":"ann"}' } });
    const second = await request(service.log, topic, 'PlaceBid', { amount: 1 }, { crumbs: { user: '{"sub":"bob"}' } });

    expect(await service.follower.outcome(first.requestId)).toMatchObject({ value: [1, true, 'ann'] });
    expect(await service.follower.outcome(second.requestId)).toMatchObject({ value: [2, true, 'bob'] });
  });

  it('that are durable are shared by all commands of one tenant', async () => {
    const { topic, PlaceBid } = bidding();
    let made = 0;
    @Injectable({ scope: Scope.REQUEST, durable: true })
    class Bidding {
      private readonly number = ++made;
      constructor(@Inject(REQUEST) private readonly tenant: { name: string }) {}
      @CommandHandler(PlaceBid)
      place() {
        return [this.number, this.tenant.name];
      }
    }
    const tenants = new Map<unknown, ContextId>();
    const strategy: ContextIdStrategy<CommandContext> = {
      attach(contextId, { user }) {
        const name = user?.['sub'];
        const tenant = tenants.get(name) ?? ContextIdFactory.create();
        tenants.set(name, tenant);
        return { resolve: ({ isTreeDurable }) => (isTreeDurable ? tenant : contextId), payload: { name } };
      },
    };
    ContextIdFactory.apply(strategy);
    onTestFinished(() => ContextIdFactory.apply(undefined as never));
    const service = await startService({ providers: [Bidding] });

    const values = [];
    for (const sub of ['ann', 'bob', 'ann']) {
      const crumbs = { user: JSON.stringify({ sub }) };
      const { requestId } = await request(service.log, topic, 'PlaceBid', { amount: 1 }, { crumbs });
      values.push(((await service.follower.outcome(requestId)) as { value: unknown }).value);
    }
    expect(values).toEqual([
      [1, 'ann'],
      [2, 'bob'],
      [1, 'ann'],
    ]);
  });

  it('that depend on one of request scope, and controllers and transient ones, work alike', async () => {
    const [one, two, three] = [bidding(), bidding(), bidding()];
    @Injectable({ scope: Scope.REQUEST })
    class Tenant {
      constructor(@Inject(REQUEST) readonly context: CommandContext) {}
    }
    @Injectable()
    class Dependent {
      constructor(private readonly tenant: Tenant) {}
      @CommandHandler(one.PlaceBid)
      place() {
        return this.tenant.context.user?.['sub'];
      }
    }
    @Controller({ scope: Scope.REQUEST })
    class Controlling {
      constructor(private readonly tenant: Tenant) {}
      @CommandHandler(two.PlaceBid)
      place() {
        return this.tenant.context.user?.['sub'];
      }
    }
    @Injectable({ scope: Scope.TRANSIENT })
    class Fleeting {
      private readonly made = 'by its constructor';
      @CommandHandler(three.PlaceBid)
      place() {
        return this.made;
      }
    }
    const given = { providers: [Tenant, Dependent, Fleeting], controllers: [Controlling] };
    const service = await startService(given);

    for (const [{ topic }, value] of [
      [one, 'ann'],
      [two, 'ann'],
      [three, 'by its constructor'],
    ] as const) {
      const { requestId } = await request(
        service.log,
        topic,
        'PlaceBid',
        { amount: 1 },
        { crumbs: { user: '{"sub":"ann"}' } },
      );
      expect(await service.follower.outcome(requestId)).toEqual({ status: 'success', value });
    }
  });

  it('inherit handlers; what a subclass overrides without a decorator is no handler', async () => {
    const { topic, PlaceBid } = bidding();
    const other = bidding();
    abstract class Base {
      @CommandHandler(PlaceBid)
      place() {
        return this.name();
      }
      @CommandHandler(other.PlaceBid)
      overridden() {}
      abstract name(): string;
    }
    @Injectable()
    class Bidding extends Base {
      name() {
        return 'the subclass';
      }
      override overridden() {}
    }
    const service = await startService({ providers: [Bidding, { provide: 'ALIAS', useExisting: Bidding }] });

    const { requestId } = await request(service.log, topic, 'PlaceBid', { amount: 1 });

    expect(await service.follower.outcome(requestId)).toEqual({ status: 'success', value: 'the subclass' });
    expect(service.runner.topics).toEqual([topic]);
  });

  it('of the modules that are included are searched, and no others', async () => {
    const [mine, theirs] = [bidding(), bidding()];
    @Injectable()
    class Mine {
      @CommandHandler(mine.PlaceBid)
      place() {}
    }
    @Injectable()
    class Theirs {
      @CommandHandler(theirs.PlaceBid)
      place() {}
    }
    @Module({ providers: [Mine] })
    class MyModule {}
    @Module({ providers: [Theirs] })
    class TheirModule {}

    const { runner } = await startService({ imports: [MyModule, TheirModule], options: { include: [MyModule] } });

    expect(runner.topics).toEqual([mine.topic]);
  });

  it('of two applications in one process do not meet', async () => {
    const log = await openLog('memory');
    const answers = [];
    const services = [];
    for (const name of ['one', 'two']) {
      const { topic, PlaceBid } = bidding();
      @Injectable()
      class Bidding {
        constructor(private readonly publisher: MessagePublisher) {}
        @CommandHandler(PlaceBid)
        async place(@Payload('amount') amount: number) {
          if (amount === 1) return name;
          return this.publisher.command(PlaceBid, { amount: amount - 1 });
        }
      }
      services.push({ topic, ...(await startService({ log, providers: [Bidding], options: { name } })) });
    }
    for (const { topic, follower, runner } of services) {
      expect(runner.topics).toEqual([topic]);
      await request(log, topic, 'PlaceBid', { amount: 2 });
      const { source, payload } = await follower.message('result.PlaceBid', ({ breadCrumbs }) => !breadCrumbs.final);
      answers.push([source, (payload.data as { value: unknown }).value]);
    }
    expect(answers).toEqual([
      ['/one', 'one'],
      ['/two', 'two'],
    ]);
  });
});
