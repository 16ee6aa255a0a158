import { EventEmitter, once } from 'node:events';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { MessageContext } from '../lib/message/message.context.js';
import type { PlatformMessage } from '../lib/message/platform-message.js';
import { command } from './support/arbitrary.messages.js';

describe('the message being handled', () => {
  const context = new MessageContext();

  it('is none outside of a handler', () => {
    expect(context.current).toBeUndefined();
  });

  it('is known wherever the handling leads: awaits, timers, microtasks, events, callbacks', async () => {
    const message = command({});

    const seen = await context.run(message, async () => {
      const found = [context.current];
      const look = () => void found.push(context.current);
      await Promise.resolve();
      look();
      await pause(1).then(look);
      await nextTurn().then(look);
      await new Promise<void>((done) => queueMicrotask(() => done(look())));
      await new Promise<void>((done) => process.nextTick(() => done(look())));
      await new Promise<void>((done) => setTimeout(() => done(look()), 1));
      const emitter = new EventEmitter();
      setImmediate(() => emitter.emit('bid'));
      await once(emitter, 'bid').then(look);
      for await (const _ of ticks(2)) look();
      return found;
    });

    expect(seen).toHaveLength(10);
    expect(new Set(seen)).toEqual(new Set([message]));
    expect(context.current).toBeUndefined();
  });

  it('is each handler’s own, however many are handled side by side', async () => {
    const messages = Array.from({ length: 100 }, () => command({}));
    const handle = async (message: PlatformMessage, i: number) => {
      const before = context.current;
      await pause(i % 3);
      await Promise.all([pause(1), nextTurn()]);
      return [before, context.current].every((current) => current === message);
    };

    const kept = await Promise.all(messages.map((message, i) => context.run(message, () => handle(message, i))));

    expect(kept).toEqual(messages.map(() => true));
  });

  it('is the inner one within a handler that handles another, and the outer one after it', async () => {
    const [outer, inner] = [command({}), command({})];

    await context.run(outer, async () => {
      await context.run(inner, async () => {
        await nextTurn();
        expect(context.current).toBe(inner);
      });
      expect(context.current).toBe(outer);
    });
  });

  it('is what work that outlives its handler still belongs to', async () => {
    const message = command({});
    let later: Promise<PlatformMessage | undefined> | undefined;

    context.run(message, () => {
      later = pause(5).then(() => context.current);
    });

    expect(context.current).toBeUndefined();
    expect(await later).toBe(message);
  });

  it('is left when the handler throws', () => {
    expect(() =>
      context.run(command({}), () => {
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(context.current).toBeUndefined();
  });

  it('is never another module’s', async () => {
    const other = new MessageContext();
    const message = command({});

    await context.run(message, async () => {
      await nextTurn();
      expect(other.current).toBeUndefined();
      await other.run(command({}), nextTurn);
      expect(context.current).toBe(message);
    });
  });

  it('is injected', async () => {
    const app = await Test.createTestingModule({ providers: [MessageContext] }).compile();
    expect(app.get(MessageContext).current).toBeUndefined();
    await app.close();
  });
});

async function* ticks(count: number): AsyncGenerator<void> {
  for (let i = 0; i < count; i++) yield nextTurn();
}
