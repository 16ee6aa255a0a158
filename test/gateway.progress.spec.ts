import { Injectable } from '@nestjs/common';
import { CommandAddress, type CommandContext, CommandHandler, MemoryMessageLog, Retry } from 'nestjs-kafka-socket';
import { KafkaSocketClient, type RequestProgress } from 'nestjs-kafka-socket/client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { progressRecord } from '../lib/message/progress.js';
import { BACKENDS, shared, startApp } from './support/app.js';
import { RawClient, rawIdentity } from './support/raw.client.js';
import { fresh } from './support/service.js';

/** A command that succeeds at its third attempt. */
function payments() {
  const topic = fresh('payments');
  @CommandAddress(topic, 'Pay')
  class Pay {}
  @Injectable()
  class Payments {
    @CommandHandler(Pay)
    @Retry({ attempts: 4, backoff: { first: 50, jitter: 0 } })
    pay(_: unknown, { attempt }: CommandContext): string {
      if (attempt < 3) throw new Error('the bank is away');
      return 'paid';
    }
  }
  return { topic, Payments };
}

describe.each(BACKENDS)('the progress of a request, on %s,', (backend) => {
  it('is told to the client that asked, attempt by attempt, before its outcome', async () => {
    const { topic, Payments } = payments();
    const { url } = await startApp({ ...shared(backend), gateway: { topics: [topic] } }, [Payments]);
    const client = new KafkaSocketClient(url, { WebSocket });
    onTestFinished(() => client.close());
    const told: RequestProgress[] = [];

    const paid = await client.send(topic, 'Pay', {}, { onProgress: (progress) => told.push(progress) });

    expect(paid).toBe('paid');
    expect(told.map(({ attempt, attempts }) => [attempt, attempts])).toEqual([
      [1, 4],
      [2, 4],
    ]);
    // Less than the pause by how long it took to be noted.
    for (const [index, pause] of [50, 100].entries()) expect(told[index]!.next).toBeLessThanOrEqual(pause);
  });
});

describe('the progress of a request', () => {
  async function start() {
    const { topic, Payments } = payments();
    const log = new MemoryMessageLog();
    const { url } = await startApp({ log, gateway: { topics: [topic] } }, [Payments]);
    return { topic, log, url, client: await RawClient.welcome(url) };
  }

  function progressOf(client: RawClient) {
    return client.unread.filter(({ event }) => event === 'progress').map(({ data }) => data);
  }

  it('is told to nobody who did not ask', async () => {
    const { topic, client } = await start();

    await client.outcome(topic, client.request(topic, 'Pay', {}));

    expect(progressOf(client)).toEqual([]);
  });

  it('names place and request, and goes to all sockets of its session and key, and to no other', async () => {
    const { topic, url, client } = await start();
    const twin = await RawClient.welcome(url, {}, { identity: client.identity });
    const stranger = await RawClient.welcome(url);
    const { sessionId } = client.identity;
    const thief = await RawClient.welcome(url, {}, { identity: { ...(await rawIdentity()), sessionId } });

    const requestId = client.request(topic, 'Pay', {}, { progress: true });
    await client.outcome(topic, requestId);
    await twin.outcome(topic, requestId);
    for (const other of [stranger, thief]) await other.outcome(topic, other.request(topic, 'Pay', {}));

    for (const one of [client, twin]) {
      expect(progressOf(one)).toMatchObject([
        { at: [topic, expect.any(Number), expect.any(String)], requestId, attempt: 1, attempts: 4 },
        { requestId, attempt: 2 },
      ]);
    }
    for (const other of [stranger, thief]) expect(progressOf(other)).toEqual([]);
  });

  it('that somebody forged is passed by where it cannot be read, and after the outcome', async () => {
    const { topic, log, client } = await start();
    const requestId = client.request(topic, 'Nobody', {}, { progress: true });
    const [, partition] = (await client.next('accepted')).data.at;
    const { sessionId, publicKey } = client.identity;
    const breadCrumbs = { requestId, sessionId, publicKey, correlationId: 'c', attempt: 1, others: { progress: '1' } };
    const forge = (value: string | null, crumbs: object = {}) => {
      const command = { id: 'c', breadCrumbs: { ...breadCrumbs, ...crumbs, reply: { topic, partition } } };
      const record = progressRecord(command, '/forger', 'Nobody', { attempt: 1, attempts: 2, next: 3 });
      return log.publish({ ...record, ...(value !== '' && { value }) });
    };

    for (const value of [
      null,
      '{',
      'null',
      '[]',
      '{"attempt":-1,"attempts":1,"next":1}',
      '{"attempt":"1"}',
      '"__proto__"',
    ])
      await forge(value);
    await forge(JSON.stringify({ attempt: 1, attempts: 2, next: 3, padding: 'x'.repeat(1_000) }));
    await forge('', { others: {} });
    await forge('', { publicKey: 'another' });
    await forge('', { user: '{"sub":"another"}' });
    await log.publish({ topic, partition, key: null, value: '{}', headers: { ce_type: 'progress.Nobody' } });
    await log.publish({
      topic,
      partition,
      key: null,
      value: '{}',
      headers: { ce_type: 'progress.Nobody', ce_breadcrumbs: '%' },
    });
    await forge('{"attempt":7,"attempts":9,"next":1,"secret":"stays"}');

    const { at: _at, ...data } = (await client.next('progress')).data;
    expect(data).toEqual({ requestId, attempt: 7, attempts: 9, next: 1 });
    await client.outcome(topic, client.request(topic, 'Pay', {}));
    expect(progressOf(client)).toEqual([]);
  });

  it('is not told after the outcome, nor later to a client that was away', async () => {
    const { topic, log, url, client } = await start();
    const requestId = client.request(topic, 'Nobody', {}, { progress: true, ttl: 100 });
    const [, partition] = (await client.next('accepted')).data.at;
    const { positions, epoch } = client.welcomed;
    const { sessionId, publicKey } = client.identity;
    const crumbs = { requestId, sessionId, publicKey, correlationId: 'c', attempt: 1, reply: { topic, partition } };
    const command = { id: 'c', breadCrumbs: { ...crumbs, others: { progress: '1' } } };
    const tell = () => log.publish(progressRecord(command, '/x', 'Nobody', { attempt: 1, attempts: 2, next: 3 }));
    await tell();
    await client.next('progress');

    await client.outcome(topic, requestId);
    await tell();
    await client.cut();
    const back = await RawClient.welcome(url, { positions, epoch }, { identity: client.identity });
    await back.next('recovered');

    expect(progressOf(client)).toEqual([]);
    expect(progressOf(back)).toEqual([]);
  });

  it('is asked for with true or false', async () => {
    const { topic, client } = await start();

    const requestId = client.request(topic, 'Pay', {}, { progress: 'yes' });

    expect((await client.next('error')).data).toMatchObject({ requestId, code: 'bad_frame' });
  });
});
