import { Injectable } from '@nestjs/common';
import { describe, expect, it, vi } from 'vitest';
import { LogUnavailableError } from '../lib/log/log.errors.js';
import type { MessageLog } from '../lib/log/message.log.js';
import type { Command } from '../lib/message/command.js';
import { CommandAddress } from '../lib/entity/command-address.decorator.js';
import { CommandHandler } from '../lib/service/declaration/command-handler.decorator.js';
import { EventEntity } from '../lib/entity/event-entity.decorator.js';
import type { CommandContext } from '../lib/service/handling/handler.context.js';
import { MessagePublisher } from '../lib/service/message.publisher.js';
import { fresh, Gate, openLog, request, startService } from './support/service.js';
import { SinglePartition } from './support/single.partition.js';

/** Makes the log take no records of a type, and counts how often one was tried. */
function refuse(log: MessageLog, type: string) {
  const publish = log.publish.bind(log);
  const refusal = { tries: 0, lifted: false };
  log.publish = async (record) => {
    if (refusal.lifted || record.headers['ce_type'] !== type) return publish(record);
    refusal.tries++;
    throw new LogUnavailableError('No broker answers.', true);
  };
  return refusal;
}

describe('an event that a handler publishes and does not wait for, while the log is away', () => {
  /** The command's method has ended when `later` opens. */
  async function floating(later: Gate) {
    const topic = fresh('shop');
    const log = await openLog('memory');
    const published: Promise<unknown>[] = [];
    @CommandAddress(topic, 'Buy')
    class Buy {}
    @EventEntity(topic, 'Order')
    class Order {}
    @Injectable()
    class Shop {
      constructor(private readonly publisher: MessagePublisher) {}
      @CommandHandler(Buy)
      buy() {
        published.push(
          this.publish().catch(({ code }: { code: string }) => code),
          later.opened.then(() => this.publish()).catch(({ code }: { code: string }) => code),
        );
      }
      private publish() {
        return this.publisher.event(Order, 'Made', {});
      }
    }
    const service = await startService({ log, providers: [Shop] });
    const refusal = refuse(log, 'event.Order.Made');
    const { requestId } = await request(log, topic, 'Buy', {});
    await service.follower.outcome(requestId);
    return { published, refusal };
  }

  it('is given up once the method has ended, and tried once where it comes later', async () => {
    const later = new Gate();
    const { published, refusal } = await floating(later);

    expect(await published[0]).toBe('log_unavailable');
    const { tries } = refusal;
    later.open();
    expect(await published[1]).toBe('log_unavailable');
    expect(refusal.tries).toBe(tries + 1);
  });
});

describe('a method that ended while the brokers were away, so that its partition was lost', () => {
  it('does not run again when the partition comes back', async () => {
    const topic = fresh('shop');
    const log = await openLog('memory');
    let effects = 0;
    @CommandAddress(topic, 'Buy')
    class Buy {}
    @Injectable()
    class Shop {
      @CommandHandler(Buy)
      buy() {
        return ++effects;
      }
    }
    const partition = new SinglePartition(log, topic);
    const { follower } = await startService({ log, providers: [Shop] });
    const refusal = refuse(log, 'result.Buy');
    const sent = await request(log, topic, 'Buy', {}, { partition: 0 });
    await partition.give();
    await vi.waitUntil(() => refusal.tries === 1);

    partition.lose();
    await vi.waitUntil(() => refusal.tries > 2, { timeout: 5_000 });
    await partition.give();
    refusal.lifted = true;

    expect(await follower.outcome(sent.requestId)).toEqual({ status: 'success', value: 1 });
    await vi.waitUntil(() => partition.committed > 0n);
    expect(effects).toBe(1);
    expect(follower.outcomes(sent.requestId)).toHaveLength(1);
  });
});

describe('a method that is deaf to its signal', () => {
  /** Waits at the gate the first time, with a limit that no other timer has. */
  async function deaf(handlerTimeout: number) {
    const topic = fresh('shop');
    const log = await openLog('memory');
    const gate = new Gate();
    let begun = 0;
    @CommandAddress(topic, 'Buy')
    class Buy {}
    @Injectable()
    class Shop {
      @CommandHandler(Buy)
      async buy(_command: Command<Buy>, { signal }: CommandContext) {
        if (begun++ === 0 && !signal.aborted) await gate.opened;
      }
    }
    const partition = new SinglePartition(log, topic);
    const service = await startService({ log, providers: [Shop], options: { handlerTimeout, drainTimeout: 10 } });
    const crumbs = { deadline: Date.now() + 54_000 };
    await request(log, topic, 'Buy', {}, { partition: 0, crumbs });
    await partition.give();
    await vi.waitUntil(() => begun === 1, { interval: 1 });
    return { service, partition, gate, hasBegunAgain: () => begun === 2 };
  }

  it('does not keep the process after a shutdown', async () => {
    const timers = vi.spyOn(globalThis, 'setTimeout');
    const { service, gate } = await deaf(54_321);
    const ours = timers.mock.calls.map(([, delay = 0]) => delay > 50_000 && delay <= 54_321);
    const made = timers.mock.results.map(({ value }) => value as NodeJS.Timeout).filter((_, index) => ours[index]);
    timers.mockRestore();
    expect(made.map((timer) => timer.hasRef())).toEqual([false, true]); // of the handling and of the deadline

    const clearing = vi.spyOn(globalThis, 'clearTimeout');
    await service.runner.stop();
    const cleared = clearing.mock.calls.map(([timer]) => timer);
    clearing.mockRestore();

    expect(made.filter((timer) => timer.hasRef() && !cleared.includes(timer))).toHaveLength(0);
    gate.open();
  });

  it('is no line in the log once its partition belongs to others', async () => {
    const { service, partition, gate, hasBegunAgain } = await deaf(400);

    partition.lose();
    await partition.give(); // the record waits in its lane until the first handling is over

    await vi.waitUntil(hasBegunAgain, { timeout: 5_000 });
    expect(service.lines).toEqual([]);
    gate.open();
  });
});
