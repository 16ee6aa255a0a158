import { describe, expect, it } from 'vitest';
import type { MessageLog } from '../lib/log/message.log.js';
import type { BreadCrumbs } from '../lib/message/bread-crumbs.js';
import { messageId, messageTime } from '../lib/message/message.id.js';
import { OutcomeReader } from '../lib/service/outcome.reader.js';
import { endRequest } from './support/ended.request.js';
import { BACKENDS, fresh, openLog, request, type RequestOptions, type SentRequest } from './support/service.js';

/** How long a test waits for what should be there, in milliseconds. */
const PATIENCE = 20_000;

async function opened(backend: 'memory' | 'kafka') {
  const log = await openLog(backend);
  const topic = fresh('shop');
  await log.ensureTopics([topic]);
  const send = (options: RequestOptions = {}) => request(log, topic, 'Pay', {}, options);
  return { log, topic, send, reader: new OutcomeReader(log) };
}

/** The bread crumbs of a request, as a handler has them. */
function crumbsOf({ id, requestId, at: { topic, partition } }: SentRequest): BreadCrumbs {
  const reply = { topic, partition };
  return { requestId, sessionId: 'session-1', publicKey: 'key-1', correlationId: id, attempt: 1, reply };
}

function outcomeOf(reader: OutcomeReader, sent: SentRequest, signal = AbortSignal.timeout(PATIENCE)) {
  return reader.outcomeOf(crumbsOf(sent), { signal });
}

describe.each(BACKENDS)('the outcome of a request on the %s log', (backend) => {
  it('is its first terminal record: the result before the time-out, or the time-out before the result', async () => {
    const { log, topic, send, reader } = await opened(backend);
    const [one, other] = [await send(), await send()];
    await endRequest(log, topic, one, 'Pay', { status: 'success', value: 1 });
    await endRequest(log, topic, other, 'Pay', { status: 'timeout' });
    await endRequest(log, topic, one, 'Pay', { status: 'timeout' });
    await endRequest(log, topic, other, 'Pay', { status: 'success', value: 2 });

    expect(await outcomeOf(reader, one)).toEqual({ status: 'success', value: 1 });
    expect(await outcomeOf(reader, other)).toEqual({ status: 'timeout' });
  });

  it('is waited for where it is not there yet, past whatever else is written meanwhile', async () => {
    const { log, topic, send, reader } = await opened(backend);
    const sent = await send();
    const waiting = outcomeOf(reader, sent);
    let settled = false;
    void waiting.finally(() => (settled = true)).catch(() => undefined);

    const other = await send({ partition: sent.at.partition });
    await endRequest(log, topic, other, 'Pay', { status: 'success', value: 'another request' });
    await endRequest(log, topic, sent, 'Pay', { status: 'success', value: 'nested' }, { final: false });
    await endRequest(log, topic, sent, 'Pay', { status: 'success', value: 'another key' }, { publicKey: 'key-2' });
    await endRequest(log, topic, sent, 'Pay', { status: 'success', value: 'another session' }, { sessionId: 's2' });
    expect(await outcomeOf(reader, other)).toMatchObject({ value: 'another request' }); // so all that has been read
    expect(settled).toBe(false);
    await endRequest(log, topic, sent, 'Pay', { status: 'rejected', code: 'NO' } as never);

    expect(await waiting).toEqual({ status: 'rejected', code: 'NO' });
  });

  it('is found behind thousands of records', async () => {
    const { log, topic, send, reader } = await opened(backend);
    const sent = await send();
    const { partition } = sent.at;
    const filler = { topic, partition, key: null, value: 'x'.repeat(200), headers: { ce_type: 'event.Bid.Created' } };
    await Promise.all(Array.from({ length: 3_000 }, () => log.publish(filler)));
    await endRequest(log, topic, sent, 'Pay', { status: 'success' });

    expect(await outcomeOf(reader, sent)).toEqual({ status: 'success' });
  });

  it('is given up when the signal says so', async () => {
    const { send, reader } = await opened(backend);
    const controller = new AbortController();
    const waiting = outcomeOf(reader, await send(), controller.signal);
    const reason = new Error('enough');

    setImmediate(() => controller.abort(reason));

    await expect(waiting).rejects.toBe(reason);
    await expect(outcomeOf(reader, await send(), AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

describe('the outcome of a request', () => {
  it('is not looked for before the request was made', async () => {
    const { log, topic, send, reader } = await opened('memory');
    const old = await send();
    await endRequest(log, topic, old, 'Pay', { status: 'success' });
    const from: bigint[] = [];
    watchReads(log, from);
    log.offsetsAt = async (_topic, time) => new Map([[old.at.partition, BigInt(Date.now() - time > 60_000 ? 0 : 1)]]);

    const ago = messageId(Date.now() - 3_600_000);
    await reader.outcomeOf({ ...crumbsOf(old), correlationId: ago }, { signal: AbortSignal.timeout(PATIENCE) });
    await reader.outcomeOf({ ...crumbsOf(old), correlationId: messageId() }, { signal: AbortSignal.timeout(PATIENCE) });
    await reader.outcomeOf({ ...crumbsOf(old), correlationId: 'foreign' }, { signal: AbortSignal.timeout(PATIENCE) });

    expect(from).toEqual([0n, 1n, 0n]);
  });

  it('is `failed` where its terminal record cannot be read, as gateways tell it', async () => {
    const { log, topic, send, reader } = await opened('memory');
    const sent = await send();
    await endRequest(log, topic, sent, 'Pay', { status: 'odd' as 'failed' });

    expect(await outcomeOf(reader, sent)).toMatchObject({ status: 'failed', code: 'RESULT_MALFORMED' });
  });

  it.each([
    ['nowhere to write it', { reply: undefined }, /"reply"/],
    ['no session', { sessionId: undefined }, /session, public key and RequestId/],
  ])('is impossible where there is %s', async (_what, without, message) => {
    const { send, reader } = await opened('memory');
    const crumbs = { ...crumbsOf(await send()), ...without };

    const refused = reader.outcomeOf(crumbs, { signal: AbortSignal.timeout(PATIENCE) });

    await expect(refused).rejects.toMatchObject({ code: 'outcome_impossible', temporary: false });
    await expect(refused).rejects.toThrow(message);
  });
});

describe('a message id', () => {
  it('says when it was made', () => {
    expect(messageTime(messageId(1_772_366_405_091))).toBe(1_772_366_405_091);
    expect(messageTime('7f9c24e5-1c67-4f2b-9c1d-0123456789ab')).toBeUndefined(); // version 4
  });
});

/** Notes where readers of a log begin. */
function watchReads(log: MessageLog, from: bigint[]): void {
  const read = log.read.bind(log);
  log.read = (range, signal) => {
    from.push(range.from);
    return read(range, signal);
  };
}
