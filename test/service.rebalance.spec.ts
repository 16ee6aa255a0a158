import fc from 'fast-check';
import { Injectable } from '@nestjs/common';
import { describe, expect, it, vi } from 'vitest';
import { CommandAddress } from '../lib/entity/command-address.decorator.js';
import { CommandHandler } from '../lib/service/declaration/command-handler.decorator.js';
import { CommitWatermark } from '../lib/service/dispatch/commit.watermark.js';
import type { HandlerContext } from '../lib/service/handling/handler.context.js';
import { EventEntity } from '../lib/entity/event-entity.decorator.js';
import { EventHandler } from '../lib/service/declaration/event-handler.decorator.js';
import { EventPublisher } from '../lib/service/declaration/event-publisher.decorator.js';
import {
  BACKENDS,
  fresh,
  Gate,
  openLog,
  request,
  type SentRequest,
  startService,
  type TestService,
} from './support/service.js';

/** One service, of which there are several instances. What is called slow waits at the gate in the first instance. */
function deployment() {
  const topic = fresh('count');
  const gate = new Gate();
  const log: string[] = [];
  const contexts: HandlerContext[] = [];
  @EventEntity(topic, 'Number')
  class NumberEvent {
    name!: string;
  }
  @CommandAddress(topic, 'Count')
  class Count {
    name!: string;
  }
  const instance = (label: string) => {
    @Injectable()
    class Counting {
      @EventHandler(NumberEvent, 'Counted')
      @EventPublisher(NumberEvent, 'Seen')
      onCounted({ data }: { data: NumberEvent }, context: HandlerContext) {
        return this.work(data.name, context);
      }
      @CommandHandler(Count)
      count({ data }: { data: Count }, context: HandlerContext) {
        return this.work(data.name, context);
      }
      private async work(name: string, context: HandlerContext) {
        log.push(`${label} ${name}`);
        contexts.push(context);
        if (label === 'one' && name.startsWith('slow')) await gate.opened;
        if (label === 'one' && name.startsWith('slow-heeding')) throw new Error('made of an aborted fetch');
        return { name };
      }
    }
    return Counting;
  };
  const by = (name: string) => log.filter((line) => line.endsWith(` ${name}`)).map((line) => line.split(' ')[0]);
  return { topic, gate, log, contexts, NumberEvent, instance, by };
}

/** Waits for an event, and for those of its partition before it. */
async function mark(service: TestService, entity: new () => { name: string }, name: string): Promise<void> {
  for (const partition of [0, 1, 2]) {
    await service.publisher.event(entity, 'Counted', { name: `${name}-${partition}` }, { key: 'k', partition });
    await service.follower.message('event.Number.Seen', ({ payload }) => {
      return (payload.data as { name: string }).name === `${name}-${partition}`;
    });
  }
}

describe.each(BACKENDS)('a second instance on the %s log, while the first one is at work', (backend) => {
  it('handles again what it got; what came back is finished by the one that began it', async () => {
    const { gate, contexts, NumberEvent, instance, by, log: lines } = deployment();
    const log = await openLog(backend);
    const options = { name: fresh('count') };
    const one = await startService({ log, providers: [instance('one')], options });
    for (const partition of [0, 1, 2]) {
      const name = `slow-${partition}`;
      await one.publisher.event(NumberEvent, 'Counted', { name }, { key: 'k', partition });
    }
    await vi.waitUntil(() => contexts.length === 3, { timeout: 15_000 });

    const two = await startService({ log, providers: [instance('two')], options });
    await vi.waitUntil(() => contexts.slice(0, 3).every(({ signal }) => signal.aborted), { timeout: 15_000 });
    expect(contexts[0]!.signal.reason).toMatchObject({ code: 'handling_aborted', reason: 'partition_lost' });
    await vi.waitUntil(() => lines.some((line) => line.startsWith('two')), { timeout: 15_000 });
    gate.open();

    await mark(two, NumberEvent, 'marker');
    const handled = [0, 1, 2].map((partition) => by(`slow-${partition}`).join());
    expect(new Set(handled)).toEqual(new Set(['one', 'one,two'])); // some stayed, some moved, none was done twice by one
    await one.runner.stop();
    await two.runner.stop();

    lines.length = 0;
    const three = await startService({ log, providers: [instance('three')], options });
    await mark(three, NumberEvent, 'last');
    expect(lines).toEqual(['three last-0', 'three last-1', 'three last-2']); // all else was committed
  });
});

describe('a command whose partition is lost while it is carried out', () => {
  /** Two instances that share the work, and a command under way in each partition, all of them begun by the first. */
  async function takenOver(prefix: string) {
    const given = deployment();
    const { topic, contexts, instance } = given;
    const log = await openLog('memory');
    const options = { name: fresh('count') };
    const one = await startService({ log, providers: [instance('one')], options });
    const sent: SentRequest[] = [];
    for (const partition of [0, 1, 2]) {
      sent.push(await request(log, topic, 'Count', { name: `${prefix}-${partition}` }, { partition }));
    }
    await vi.waitUntil(() => contexts.length === 3);
    // The second instance gets its partitions, and reads them back once the test lets it.
    const [offsetsAt, reading] = [log.offsetsAt.bind(log), new Gate()];
    log.offsetsAt = async (...asked) => {
      await reading.opened;
      return offsetsAt(...asked);
    };
    const two = await startService({ log, providers: [instance('two')], options });
    await vi.waitUntil(() => contexts.every(({ signal }) => signal.aborted));
    return { ...given, log, one, two, sent, reading };
  }

  it('is not carried out again where its method ends before the next owner has read the partition back', async () => {
    const { topic, gate, by, log, one, two, sent, reading } = await takenOver('slow');

    gate.open();
    for (const { requestId } of sent)
      expect(await one.follower.outcome(requestId)).toMatchObject({ status: 'success' });
    reading.open();

    for (const partition of [0, 1, 2]) {
      const marker = await request(log, topic, 'Count', { name: `marker-${partition}` }, { partition });
      await two.follower.outcome(marker.requestId);
      expect(two.follower.outcomes(sent[partition]!.requestId)).toHaveLength(1);
    }
    expect([0, 1, 2].map((partition) => by(`slow-${partition}`).join())).toEqual(['one', 'one', 'one']);
  });

  it('is not failed by what its aborted method throws', async () => {
    const { gate, by, two, sent, reading } = await takenOver('slow-heeding');

    gate.open();
    reading.open();

    for (const [partition, { requestId }] of sent.entries()) {
      const { status } = await two.follower.outcome(requestId);
      const hands = by(`slow-heeding-${partition}`).join();
      expect([status, hands]).toEqual(hands === 'one,two' ? ['success', 'one,two'] : ['failed', 'one,one']);
    }
  });
});

describe('a watermark over several ownerships', () => {
  it('lets nothing run again that has ended, and never says finished of what has not', () => {
    const steps = fc.array(fc.oneof(fc.constant('read'), fc.constant('lose'), fc.nat(20)), { maxLength: 80 });
    fc.assert(
      fc.property(steps, (given) => {
        const watermark = new CommitWatermark(0n);
        const ended = new Set<bigint>();
        const running = new Set<bigint>();
        let committed = 0n;
        for (const step of given) {
          if (step === 'read') {
            const offset = watermark.read;
            watermark.begin(offset);
            expect(watermark.hasEnded(offset)).toBe(ended.has(offset));
            if (!ended.has(offset)) running.add(offset);
          } else if (step === 'lose') {
            watermark.rewind(committed);
          } else {
            const offset = [...running][step % Math.max(1, running.size)];
            if (offset === undefined) continue;
            running.delete(offset);
            ended.add(offset);
            watermark.end(offset);
          }
          for (let offset = 0n; offset < watermark.finished; offset++) expect(ended.has(offset)).toBe(true);
          if (watermark.finished > committed && Number(watermark.finished) % 2 === 0) committed = watermark.finished;
        }
      }),
      { numRuns: 500 },
    );
  });
});
