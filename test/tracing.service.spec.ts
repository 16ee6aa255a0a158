import { context, propagation, type Span, SpanStatusCode, trace } from '@opentelemetry/api';
import { Injectable } from '@nestjs/common';
import {
  CommandAddress,
  CommandHandler,
  EventEntity,
  EventHandler,
  type KafkaSocketModuleOptions,
  MemoryMessageLog,
  MessagePublisher,
  Retry,
  type RetryOptions,
} from 'nestjs-kafka-socket';
import { describe, expect, it } from 'vitest';
import { startApp } from './support/app.js';
import { LogFollower } from './support/log.follower.js';
import { fresh, request } from './support/service.js';
import { Spans } from './support/spans.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const GATEWAY = '00f067aa0ba902b7';
const headers = { traceparent: `00-${TRACE}-${GATEWAY}-01`, baggage: 'tenant=blue' };
const FAST = { first: 20, factor: 1, maximum: 20, jitter: 0 };

const topic = fresh('work');

@CommandAddress(topic, 'Work')
class Work {}

@CommandAddress(topic, 'Later')
class Later {}

@EventEntity(topic, 'Job')
class Job {}

/** A traced service whose one handler does what the test says, and what its others found in the baggage. */
async function start(
  work: (publisher: MessagePublisher) => unknown,
  { retry, ...options }: Partial<KafkaSocketModuleOptions> & { retry?: RetryOptions } = {},
) {
  const carried: Record<string, unknown> = {};
  const found = (): unknown =>
    Object.fromEntries(
      (propagation.getBaggage(context.active())?.getAllEntries() ?? []).map(([name, { value }]) => [name, value]),
    );

  @Injectable()
  class Worker {
    constructor(private readonly publisher: MessagePublisher) {}

    @CommandHandler(Work)
    @(retry ? Retry(retry) : () => undefined)
    work(): unknown {
      return work(this.publisher);
    }

    @CommandHandler(Later)
    later(): void {
      carried['later'] = found();
    }

    @EventHandler(Job, 'Done')
    onDone(): void {
      carried['event'] = found();
    }
  }

  const spans = Spans.begin();
  const log = new MemoryMessageLog();
  await startApp({ log, ...options }, [Worker]);
  const follower = await LogFollower.follow(log, [topic, `${topic}.dlq`]);
  const ask = async (more: Parameters<typeof request>[4] = {}) => {
    const { requestId } = await request(log, topic, 'Work', {}, { headers, ...more });
    return follower.outcome(requestId);
  };
  return { spans, ask, carried, follower };
}

/** Fails so often, then succeeds. */
function failing(times: number): () => string {
  let left = times;
  return () => {
    if (left-- > 0) throw new Error('not yet');
    return 'done';
  };
}

function within<T>(baggage: Record<string, string>, work: () => T): T {
  const entries = Object.fromEntries(Object.entries(baggage).map(([name, value]) => [name, { value }]));
  return context.with(propagation.setBaggage(context.active(), propagation.createBaggage(entries)), work);
}

describe('a handler that is tried again', () => {
  it('in order has a span for each attempt, side by side under what wrote the record', async () => {
    const { ask, spans } = await start(failing(2), { retry: { attempts: 3, order: 'in-order', backoff: FAST } });
    expect(await ask()).toMatchObject({ status: 'success' });
    const attempts = await spans.ended('process', 3);

    const { ERROR, UNSET } = SpanStatusCode;
    expect(attempts.map(({ attributes }) => attributes['kafka_socket.attempt'])).toEqual([undefined, 2, 3]);
    expect(attempts.map(({ status }) => status.code)).toEqual([ERROR, ERROR, UNSET]);
    for (const { parentSpanContext, links } of attempts) {
      expect(parentSpanContext).toMatchObject({ traceId: TRACE, spanId: GATEWAY });
      expect(links.map(({ context: linked }) => linked.spanId)).toEqual([GATEWAY]);
    }
  });

  it('out of order has each attempt under the one that failed before it, in the same trace', async () => {
    const { ask, spans } = await start(failing(2), { retry: { attempts: 3, order: 'out-of-order', backoff: FAST } });
    expect(await ask()).toMatchObject({ status: 'success' });
    const last = (await spans.ended('process', 3)).find(({ attributes }) => attributes['kafka_socket.attempt'] === 3);

    const again = ['send command.Work', 'process command.Work'];
    expect(spans.pathTo(last!)).toEqual(['process command.Work', ...again, ...again]);
    expect(new Set(spans.all.map((span) => span.spanContext().traceId))).toEqual(new Set([TRACE]));
  });

  it('has no span for a look that comes too early, since another handler of the event is due before it', async () => {
    const [soon, late] = [failing(2), failing(1)];
    const called: number[] = [];
    const events = fresh('looks');
    @EventEntity(events, 'Job')
    class Two {}
    @Injectable()
    class Workers {
      @EventHandler(Two, 'Done')
      @Retry({ attempts: 3, order: 'in-order', backoff: FAST })
      soon(): string {
        return soon();
      }

      @EventHandler(Two, 'Done')
      @Retry({ attempts: 3, order: 'in-order', backoff: { ...FAST, first: 150, maximum: 150 } })
      late(): string {
        called.push(Date.now());
        return late();
      }
    }
    const spans = Spans.begin();
    const { app } = await startApp({}, [Workers]);
    await app.get(MessagePublisher).event(Two, 'Done', {});
    const outcomes = () => spans.named('process').map(({ attributes }) => attributes['kafka_socket.outcome']);
    await expect.poll(() => outcomes().filter((outcome) => outcome === 'success')).toHaveLength(2);

    expect(outcomes()).toHaveLength(5);
    expect(called[1]! - called[0]!).toBeGreaterThanOrEqual(150);
    expect(outcomes().filter((outcome) => outcome === 'failed')).toHaveLength(3);
  });
});

describe('a delayed command', () => {
  it.each([false, true])(
    'begins a trace of its own, linked to who scheduled it, and keeps its baggage (inbox: %s)',
    async (inbox) => {
      const work = (publisher: MessagePublisher) =>
        within({ tenant: 'red' }, () => publisher.sendLater(Later, {}, { after: 30 }).then(() => undefined));
      const { ask, spans, carried } = await start(work, { handlers: { inbox: { store: inbox && 'memory' } } });
      await ask();
      await expect.poll(() => carried['later']).toEqual({ tenant: 'red' });

      const sent = await spans.ended('send', 2);
      const due = sent.find(({ attributes }) => attributes['kafka_socket.message.type'] === 'command.Later')!;
      const [scheduling] = spans.named('process');
      expect(due.parentSpanContext).toBeUndefined();
      expect(due.spanContext().traceId).not.toBe(TRACE);
      expect(due.links.map(({ context: linked }) => linked.spanId)).toEqual([scheduling!.spanContext().spanId]);
    },
  );
});

describe('what a handler publishes', () => {
  it.each([false, true])(
    'stands under it, with the baggage of the line that published it (inbox: %s)',
    async (inbox) => {
      const work = async (publisher: MessagePublisher): Promise<void> => {
        await within({ tenant: 'red' }, () => publisher.event(Job, 'Done', {}));
      };
      const { ask, spans, carried } = await start(work, { handlers: { inbox: { store: inbox && 'memory' } } });
      await ask();
      await expect.poll(() => carried['event']).toEqual({ tenant: 'red' });

      const [, handled] = await spans.ended('process', 2);
      expect(spans.pathTo(handled!)).toEqual(['process command.Work', 'send event.Job.Done', 'process event.Job.Done']);
    },
  );

  it('goes out where somebody put no text into the baggage', async () => {
    const work = async (publisher: MessagePublisher): Promise<void> => {
      await within({ number: 7 as never, none: undefined as never }, () => publisher.event(Job, 'Done', {}));
    };
    const { ask, carried } = await start(work);
    expect(await ask()).toMatchObject({ status: 'success' });
    await expect.poll(() => carried['event']).toMatchObject({ number: '7' });
  });
});

describe('a handler that throws what says nothing of its kind', () => {
  it.each([
    ['without a constructor', { constructor: null }],
    ['whose class has no text for a name', { constructor: { name: { secret: 'hunter2' } } }],
    ['whose properties came from elsewhere', { constructor: { name: 'hunter2' } }],
  ])('an error %s: it is answered, and nothing of it is told', async (_case, properties) => {
    const { ask, spans } = await start(() => {
      throw Object.assign(new TypeError('hunter2'), properties);
    });
    expect(await ask()).toMatchObject({ status: 'failed', code: 'INTERNAL' });
    const [failed] = await spans.ended('process');
    expect(failed!.attributes['error.type']).toBe('TypeError');
    expect(JSON.stringify(failed!.attributes)).not.toContain('hunter2');
  });
});

describe('a record whose id is longer than any', () => {
  it('is handled, and its spans hold the beginning of it', async () => {
    const { ask, spans } = await start(() => undefined);
    void ask({ headers: { ...headers, ce_id: 'x'.repeat(10_000) } }).catch(() => undefined);
    const [handled] = await spans.ended('process');
    expect(handled!.attributes['messaging.message.id']).toBe('x'.repeat(256));
  });
});

describe('a record that cannot be read', () => {
  it('is a dead letter in its own trace, whatever runs where it is written', async () => {
    const { ask, spans, follower } = await start(() => undefined);
    await trace.getTracer('a job').startActiveSpan('job', async (job: Span) => {
      void ask({ headers: { ...headers, ce_specversion: '9' } }).catch(() => undefined);
      await follower.deadLetter();
      job.end();
    });
    const [dead] = await spans.ended('send');
    expect(dead!.parentSpanContext).toMatchObject({ traceId: TRACE, spanId: GATEWAY });
  });
});
