import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { describe, expect, it, vi } from 'vitest';
import { LogUnavailableError } from '../lib/log/log.errors.js';
import type { EventContext } from '../lib/service/handling/handler.context.js';
import { EventEntity } from '../lib/entity/event-entity.decorator.js';
import { EventHandler } from '../lib/service/declaration/event-handler.decorator.js';
import { EventPublisher } from '../lib/service/declaration/event-publisher.decorator.js';
import { BACKENDS, buildService, fresh, Gate, openLog, startService } from './support/service.js';
import { SinglePartition } from './support/single.partition.js';

/** A projection: events have no outcome in the log, so what was not committed is seen to be handled again. */
function counting(held: Record<string, Gate> = {}) {
  const topic = fresh('count');
  const begun: string[] = [];
  const contexts: EventContext[] = [];
  @EventEntity(topic, 'Number')
  class NumberEvent {
    name!: string;
  }
  @Injectable()
  class Counting {
    @EventHandler(NumberEvent, 'Counted')
    @EventPublisher(NumberEvent, 'Seen')
    async count({ data }: { data: NumberEvent }, context: EventContext) {
      begun.push(data.name);
      contexts.push(context);
      await held[data.name]?.opened;
      return { name: data.name };
    }
  }
  return { topic, NumberEvent, Counting, begun, contexts };
}

const seen =
  (name: string) =>
  ({ payload }: { payload: { data: unknown } }) =>
    (payload.data as { name: string }).name === name;

describe('a service that is about to stop', () => {
  it('fetches nothing more while it waits for what runs', async () => {
    const gate = new Gate();
    const { topic, NumberEvent, Counting, begun } = counting({ running: gate });
    const log = await openLog('memory');
    const partition = new SinglePartition(log, topic);
    const { publisher, runner } = await startService({ log, providers: [Counting], options: { maxUncommitted: 1 } });
    await publisher.event(NumberEvent, 'Counted', { name: 'running' }, { key: 'k', partition: 0 });
    await partition.give();
    await vi.waitUntil(() => begun.length === 1);
    partition.paused = false;

    const stopped = runner.stop();
    await vi.waitUntil(() => partition.paused);
    gate.open();
    await stopped;

    expect(partition.committed).toBe(1n);
    expect(partition.paused).toBe(true);
  });
});

describe.each(BACKENDS)('a service that stops, on the %s log', (backend) => {
  it('waits for what runs, commits it, and leaves what waits to the next one', async () => {
    const gate = new Gate();
    const { NumberEvent, Counting, begun } = counting({ running: gate });
    const log = await openLog(backend);
    const name = fresh('count');
    const first = await startService({ log, providers: [Counting], options: { name } });
    await first.publisher.event(NumberEvent, 'Counted', { name: 'running' }, { key: 'k' });
    await first.publisher.event(NumberEvent, 'Counted', { name: 'waiting' }, { key: 'k' });
    await vi.waitUntil(() => begun.length === 1);

    const stopped = first.runner.stop();
    expect(first.runner.stop()).toBe(stopped);
    gate.open();
    await stopped;
    expect(begun).toEqual(['running']);
    expect(first.runner.trouble).toBe('The handlers were stopped.');

    const second = await startService({ log, providers: [Counting], options: { name } });
    await second.follower.message('event.Number.Seen', seen('waiting'));
    expect(begun).toEqual(['running', 'waiting']);
  });
});

describe('a service that stops', () => {
  it('waits no longer than it may: signals abort, and the records are handled again', async () => {
    const { NumberEvent, Counting, begun, contexts } = counting({ stuck: new Gate() });
    const log = await openLog('memory');
    const options = { name: fresh('count'), drainTimeout: 20 };
    const first = await startService({ log, providers: [Counting], options });
    await first.publisher.event(NumberEvent, 'Counted', { name: 'stuck' }, { key: 'k' });
    await first.publisher.event(NumberEvent, 'Counted', { name: 'behind' }, { key: 'k' });
    await first.publisher.event(NumberEvent, 'Counted', { name: 'beside' }, { key: 'other' });
    await first.follower.message('event.Number.Seen', seen('beside'));

    await first.runner.stop();

    expect(contexts[0]!.signal.reason).toMatchObject({ reason: 'shutdown' });
    begun.length = 0;
    await startService({ log, providers: [Counting], options });
    await vi.waitUntil(() => begun.includes('stuck'));
  });

  it('before it was started, or while it starts, leaves nothing behind', async () => {
    const { Counting } = counting();
    const early = await buildService({ providers: [Counting] });
    await early.runner.stop();
    await early.runner.start();
    expect(early.runner.trouble).toBe('The handlers were stopped.');

    const { runner } = await buildService({ providers: [Counting] });
    await runner.ensureTopics();
    const started = runner.start();
    await runner.stop();
    await started;
    expect(runner.trouble).toBe('The handlers were stopped.');
  });

  it('does not wait for a group that lets nobody in, and leaves it if it does so later', async () => {
    const { Counting } = counting();
    const { runner, log } = await buildService({ providers: [Counting] });
    const [gate, left] = [new Gate(), vi.fn(() => Promise.resolve())];
    log.consume = async () => {
      await gate.opened;
      return { stop: left };
    };
    const started = runner.start();

    await runner.stop();
    await started;

    expect(left).not.toHaveBeenCalled();
    gate.open();
    await vi.waitUntil(() => left.mock.calls.length === 1);
  });
});

describe('a log that is away for a while', () => {
  it('holds the record back until all that came of it is in the log', async () => {
    const { NumberEvent, Counting, begun } = counting();
    const service = await startService({ providers: [Counting] });
    const publish = service.log.publish.bind(service.log);
    let failures = 3;
    service.log.publish = async (record) => {
      if (record.headers['ce_type'] === 'event.Number.Seen' && failures-- > 0) {
        throw new LogUnavailableError('No broker answers.', true);
      }
      return publish(record);
    };

    await service.publisher.event(NumberEvent, 'Counted', { name: 'a' }, { key: 'k' });

    await service.follower.message('event.Number.Seen', seen('a'));
    expect(failures).toBeLessThan(0);
    expect(begun).toEqual(['a']);
    expect(service.lines).toEqual([
      expect.stringContaining('is not in the log yet and is sent again: No broker answers.'),
    ]);
  });

  it('does not keep a service from stopping, and the record is handled again', async () => {
    const { NumberEvent, Counting, begun } = counting();
    const log = await openLog('memory');
    const options = { name: fresh('count'), drainTimeout: 20 };
    const first = await startService({ log, providers: [Counting], options });
    const publish = log.publish.bind(log);
    log.publish = async (record) => {
      if (record.headers['ce_type'] === 'event.Number.Seen') throw new LogUnavailableError('No broker answers.', true);
      return publish(record);
    };
    await first.publisher.event(NumberEvent, 'Counted', { name: 'a' }, { key: 'k' });
    await vi.waitUntil(() => begun.length === 1);
    await first.runner.stop();

    log.publish = publish;
    const second = await startService({ log, providers: [Counting], options });
    await second.follower.message('event.Number.Seen', seen('a'));
    expect(begun).toEqual(['a', 'a']);
  });

  it('at the start is an error, and the start may be tried again', async () => {
    const { NumberEvent, Counting } = counting();
    const { runner, publisher, log } = await buildService({ providers: [Counting] });
    await runner.ensureTopics();
    const consume = log.consume.bind(log);
    log.consume = () => Promise.reject(new LogUnavailableError('No broker answers.', false));
    await expect(runner.start()).rejects.toMatchObject({ code: 'log_unavailable', temporary: true });
    expect(runner.trouble).toMatch(/^The handlers are not subscribed to count-/);

    log.consume = consume;
    await runner.start();
    expect(runner.trouble).toBeUndefined();
    await publisher.event(NumberEvent, 'Counted', { name: 'a' });
    await sleep(0);
  });
});
