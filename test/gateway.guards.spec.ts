import { type CanActivate, type ExecutionContext, Inject, Injectable, Module, Scope } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import {
  type GatewayClient,
  GatewaySetupError,
  type GatewayOptions,
  type Intent,
  KafkaSocketModule,
} from 'nestjs-kafka-socket';
import { delay, NEVER, of, throwError } from 'rxjs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { launchApp, startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { RawClient } from './support/raw.client.js';

const tokens: GatewayOptions['authenticate'] = (token = 'nobody') => ({
  claims: { sub: token, seller: token === 'sam' },
});

@Injectable()
class Policy {
  readonly asked: { intent: Intent; client: GatewayClient; context: ExecutionContext }[] = [];

  allows(client: GatewayClient, intent: Intent): boolean {
    return intent.action !== 'command' || intent.command !== 'Settle' || client.claims?.['seller'] === true;
  }
}

@Injectable()
class SellerGuard implements CanActivate {
  constructor(
    private readonly policy: Policy,
    private readonly reflector: Reflector,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const client = context.switchToWs().getClient<GatewayClient>();
    const intent = context.switchToWs().getData<Intent>();
    this.policy.asked.push({ client, intent, context });
    // As guards of an application do, which are shared with its controllers.
    if (this.reflector.getAllAndOverride('public', [context.getHandler(), context.getClass()])) return true;
    return this.policy.allows(client, intent);
  }
}

@Module({ providers: [Policy, SellerGuard], exports: [Policy] })
class PolicyModule {}

async function start(gateway: Partial<GatewayOptions>, imports: unknown[] = []) {
  const house = auction();
  const running = await startApp(
    { gateway: { topics: [house.topic], broadcast: { 'Bid.*': 'data' }, authenticate: tokens, ...gateway } },
    [house.Bidding],
    imports as never,
  );
  return { ...house, ...running };
}

/** A guard that answers as it is told. */
const guard = (canActivate: (intent: Intent) => unknown): CanActivate => ({
  canActivate: (context) => canActivate(context.switchToWs().getData<Intent>()) as boolean,
});

const BID = { lot: 1, amount: 20 };

/** What a bid is answered with at once. */
async function answerTo(client: RawClient, topic: string, command = 'PlaceBid') {
  const requestId = client.request(topic, command, BID);
  const { event, data } = await client.next(
    (frame) => /^(accepted|error)$/.test(frame.event) && frame.data.requestId === requestId,
  );
  return event === 'error' ? (data.code as string) : event;
}

/** The broadcasts that came until a marker: a bid that is rejected makes none. */
async function broadcastsTo(client: RawClient, topic: string) {
  await client.outcome(topic, client.request(topic, 'PlaceBid', BID));
  await client.outcome(topic, client.request(topic, 'PlaceBid', { lot: 1, amount: 1 }));
  return client.unread.filter(({ event }) => event.endsWith('/broadcast'));
}

describe('a guard that a module provides', () => {
  it('answers for commands, channels and events, by what it injects', async () => {
    const { url, topic, app } = await start({ guards: [SellerGuard] }, [PolicyModule]);
    const [ann, sam] = [
      await RawClient.welcome(url, { token: 'ann', channels: [topic] }, { headers: { 'X-From': 'test' } }),
      await RawClient.welcome(url, { token: 'sam' }),
    ];
    expect(await answerTo(ann, topic, 'Settle')).toBe('forbidden');
    expect(await answerTo(sam, topic, 'Settle')).toBe('accepted');
    expect(await broadcastsTo(ann, topic)).toHaveLength(1);

    const { asked } = app.get(Policy);
    expect(new Set(asked.map(({ intent }) => intent.action))).toEqual(new Set(['channel', 'command', 'event']));
    const { client, context, intent } = asked[0]!;
    expect(context.getType()).toBe('ws');
    expect(context.switchToWs().getPattern()).toBe(intent.action);
    expect(client).toMatchObject({ claims: { sub: 'ann' }, handshake: { headers: { 'x-from': 'test' } } });
    expect(Object.keys(client).sort()).toEqual(['claims', 'handshake']); // and nothing of ours
  });
});

describe('guards beside the hook', () => {
  it.each([
    ['both', true, true, 'accepted'],
    ['the hook alone', true, false, 'forbidden'],
    ['the guard alone', false, true, 'forbidden'],
  ])('must all agree: with a yes of %s it is %s %s: %s', async (_, hook, guarded, answer) => {
    const { url, topic } = await start({ authorize: () => hook, guards: [guard(() => true), guard(() => guarded)] });
    expect(await answerTo(await RawClient.welcome(url), topic)).toBe(answer);
  });
});

describe('a guard that does not answer at once', () => {
  it.each([
    ['a promise', () => Promise.resolve(true), 'accepted'],
    ['a promise of a no', () => Promise.resolve(false), 'forbidden'],
    ['a promise that fails', () => Promise.reject(new Error('no')), 'forbidden'],
    ['a stream', () => of(false, true).pipe(delay(5)), 'accepted'],
    ['a promise of a stream', () => Promise.resolve(of(true)), 'accepted'],
    ['a stream that ends in a no', () => of(true, false), 'forbidden'],
    ['a stream that fails', () => throwError(() => new Error('no')), 'forbidden'],
    ['a stream without a value', () => of(), 'forbidden'],
    ['a stream that never ends', () => NEVER, 'forbidden'],
    ['a promise that never settles', () => new Promise(() => undefined), 'forbidden'],
    ['something that is no yes', () => 'yes', 'forbidden'],
    ['nothing', () => undefined, 'forbidden'],
  ])('is waited for, within hookTimeout, about a command: %s', async (_, answer, told) => {
    const { url, topic } = await start({ guards: [guard(answer)], hookTimeout: 200 });
    expect(await answerTo(await RawClient.welcome(url), topic)).toBe(told);
  });

  it.each([
    ['a promise', () => Promise.resolve(true)],
    ['a promise that fails', () => Promise.reject(new Error('no'))],
    ['a stream', () => of(true)],
  ])('says no about an event: %s', async (_, answer) => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    onTestFinished(() => void process.off('unhandledRejection', note));
    const { url, topic } = await start({ guards: [guard(({ action }) => (action === 'event' ? answer() : true))] });
    const client = await RawClient.welcome(url, { channels: [topic] });
    expect(await broadcastsTo(client, topic)).toEqual([]);
    expect(unhandled).toEqual([]);
  });
});

@Injectable({ scope: Scope.REQUEST })
class ScopedGuard implements CanActivate {
  canActivate = (): boolean => true;
}

@Injectable()
class Unprovided implements CanActivate {
  constructor(@Inject('nowhere') readonly missing: unknown) {}
  canActivate = (): boolean => true;
}

@Injectable()
class Lonely implements CanActivate {
  canActivate = (): boolean => false;
}

class NoGuard {}

describe('a guard that cannot be had', () => {
  it.each([
    ['is made for each request', ScopedGuard, /ScopedGuard.*scope is not the default/s],
    ['injects what nobody provides', Unprovided, /Unprovided.*could not be made.*Add it to the providers/s],
    ['is none', NoGuard, /NoGuard.*no method canActivate/s],
  ])('stops the start, by its name, where it %s', async (_, type, message) => {
    const house = auction();
    const starting = launchApp(
      { gateway: { topics: [house.topic], guards: [type as never] } },
      [],
      [moduleOf(ScopedGuard)],
    );
    await expect(starting).rejects.toThrow(GatewaySetupError);
    await expect(starting).rejects.toThrow(message);
  });

  it.each([
    ['no guard', [{}]],
    ['no list', 'guard'],
    ['nothing', [null]],
  ])('stops the module, with the option’s path, where it is %s', (_, guards) => {
    const gateway = { topics: ['auction'], guards: guards as never };
    expect(() => KafkaSocketModule.forRoot({ service: 'x', gateway })).toThrow(/gateway\.guards/);
  });

  it('is made where no module provides it and it needs nothing', async () => {
    const { url, topic } = await start({ guards: [Lonely] });
    expect(await answerTo(await RawClient.welcome(url), topic)).toBe('forbidden');
  });
});

function moduleOf(provider: new () => unknown) {
  @Module({ providers: [provider] })
  class ProvidingModule {}
  return ProvidingModule;
}
