import { Injectable } from '@nestjs/common';
import {
  type Command,
  CommandAddress,
  CommandHandler,
  CommandRejectedError,
  Retry,
  type RetryOrder,
} from 'nestjs-kafka-socket';
import { describe, expect, it } from 'vitest';
import { MemoryLogOptions } from '../lib/log/log.options.js';
import { MemoryMessageLog } from '../lib/log/memory/memory.message.log.js';
import { endRequest } from './support/ended.request.js';
import { Markdown, quoted } from './support/markdown.js';
import { Measurements } from './support/measurements.js';
import { fresh, request, startService } from './support/service.js';

/** A measured service with one handler, which does what its command says. */
async function start(order: RetryOrder, first = 5) {
  const measured = Measurements.begin();
  const [topic, name] = [fresh('measured'), fresh('measured-service')];
  @CommandAddress(topic, 'Work')
  class Work {
    failures!: number;
  }
  @Injectable()
  class Worker {
    @CommandHandler(Work)
    @Retry({ order, attempts: 3, backoff: { first, factor: 1, jitter: 0 }, on: (error) => error instanceof RangeError })
    work({ data: { failures } }: Command<Work>, { attempt }: { attempt: number }): void {
      if (failures === -1) throw new TypeError('a fault');
      if (failures === -2) throw new CommandRejectedError('NO', 'No.');
      if (attempt <= failures) throw new RangeError('not yet');
    }
  }
  const log = new MemoryMessageLog(Object.assign(new MemoryLogOptions(), { partitions: 1 }));
  await log.connect();
  const { follower } = await startService({ log, providers: [Worker], options: { name } });
  const send = (failures: number, crumbs = {}) => request(log, topic, 'Work', { failures }, { crumbs });
  const ended = async (failures: number, crumbs = {}) => follower.outcome((await send(failures, crumbs)).requestId);
  const of = (what: string, attributes: object) =>
    measured.of(`kafka_socket.service.${what}`, { service: name, ...attributes });
  return { topic, name, log, follower, measured, send, ended, of };
}

describe.each(['in-order', 'out-of-order'] as const)('what a service measures of retries %s', (order) => {
  it('is how each attempt ended', async () => {
    const { ended, of } = await start(order);

    for (const failures of [0, 1, 9, -1, -2]) await ended(failures);

    const attempts = (end: string) => of('attempts', { handler: 'Worker.work', order, end });
    expect(await attempts('succeeded')).toBe(2);
    expect(await attempts('retried')).toBe(3);
    expect(await attempts('exhausted')).toBe(1);
    expect(await attempts('ended')).toBe(2);
    expect(await attempts('deadline')).toBeUndefined();
  });

  it('is that a deadline made an attempt the last one, and none where that has passed', async () => {
    const { ended, of } = await start(order, 30_000);

    expect(await ended(9, { deadline: Date.now() + 20_000 })).toMatchObject({ status: 'failed' });
    expect(await ended(9, { deadline: 1 })).toMatchObject({ status: 'timeout' });

    expect(await of('attempts', { handler: 'Worker.work', order })).toBe(1);
    expect(await of('attempts', { end: 'deadline' })).toBe(1);
  });
});

describe('what a service measures of retries', () => {
  it('is as lag what waits in a retry topic, and not where that came from', async () => {
    const { topic, name, send, of } = await start('out-of-order', 30_000);

    await send(9);

    await expect.poll(() => of('lag', { topic: `${name}.retry.seconds` })).toBe(1);
    await expect.poll(() => of('lag', { topic })).toBe(0);
  });

  it('has the units that are documented, as all else that a service measures', async () => {
    const { topic, log, measured, send, ended, of } = await start('in-order');
    await ended(9);
    const late = await send(0);
    await endRequest(log, topic, late, 'Work', { status: 'timeout' });
    const behind = await request(log, topic, 'Work', { failures: 0 }, { crumbs: { deadline: 1 } });
    await endRequest(log, topic, behind, 'Work', { status: 'timeout' });
    await endRequest(log, topic, behind, 'Work', { status: 'success' });
    await expect.poll(() => of('late', {})).toBe(1);
    await expect.poll(() => of('dead_letters', { reason: 'failed' })).toBe(1);

    const [, rows] = (await Markdown.read('README.md')).section('Metrics').tables;

    for (const [metric, unit] of rows!) expect(await measured.unit(quoted(metric!)[0]!)).toBe(quoted(unit!)[0]);
  });
});
