import { Injectable } from '@nestjs/common';
import { IsInt } from 'class-validator';
import {
  type Command,
  CommandAddress,
  CommandHandler,
  EventEntity,
  EventHandler,
  EventPublisher,
  type GatewayOptions,
  MESSAGE_LOG,
  type MessageLog,
} from 'nestjs-kafka-socket';
import { describe, expect, it } from 'vitest';
import { type Backend, BACKENDS, shared, startApp } from './support/app.js';
import { LogLines } from './support/log.lines.js';
import { RawClient, type RawIdentity } from './support/raw.client.js';
import { OPCODE, RawSocket } from './support/raw.socket.js';

/** What may stand in no line; each in letters and digits alone, so that no encoding hides it. */
const MARKS = {
  payload: 'MARKpayloadMARK',
  result: 'MARKresultMARK',
  token: 'MARKtokenMARK',
  claims: 'MARKclaimsMARK',
  cookie: 'MARKcookieMARK',
  header: 'MARKheaderMARK',
  key: 'MARKkeyMARK',
};

function house() {
  const topic = `secret-${crypto.randomUUID()}`;

  @CommandAddress(topic, 'Keep')
  class Keep {
    @IsInt() number!: number;
    secret!: string;
  }
  @CommandAddress(topic, 'Break')
  class Break {}
  @CommandAddress(topic, 'Unwritable')
  class Unwritable {}
  @CommandAddress(topic, 'Huge')
  class Huge {}
  @EventEntity(topic, 'Kept')
  class KeptEvent {
    @IsInt() number!: number;
    secret!: string;
  }

  @Injectable()
  class Keeping {
    @CommandHandler(Keep)
    @EventPublisher(KeptEvent, 'Now')
    keep({ data }: Command<Keep>) {
      return { number: data.number, secret: MARKS.result };
    }
    @CommandHandler(Break)
    break(): never {
      throw new TypeError('it broke');
    }
    @CommandHandler(Unwritable)
    unwritable() {
      return { secret: MARKS.result, big: 1n };
    }
    @CommandHandler(Huge)
    huge(): string {
      return MARKS.result.repeat(200_000);
    }
    @EventHandler(KeptEvent, 'Now')
    onKept(): void {
      throw new RangeError('it broke as well');
    }
  }
  return { topic, Keeping };
}

/** Hooks that refuse by errors that quote all that they were shown. */
const hooks: Partial<GatewayOptions> = {
  admit: ({ headers }) => {
    if (headers['x-bad']) throw new Error(`what is ${JSON.stringify(headers)}?`);
    return undefined;
  },
  authenticate: (token, { headers }) => {
    if (!token?.startsWith('good')) throw new SyntaxError(`${token} is no token, nor is ${JSON.stringify(headers)}`);
    if (token.includes('garbage')) return { claims: { nobody: MARKS.claims } } as never;
    return { claims: { sub: MARKS.claims, role: token.includes('narrow') ? 'narrow' : MARKS.claims } };
  },
  authorize: (intent, claims) => {
    if (claims?.['role'] === 'narrow' || (intent.action === 'command' && intent.command === 'Deny'))
      throw new Error(`${JSON.stringify(claims)} may not ${JSON.stringify(intent)}`);
    return true;
  },
};

const COOKIES = { Cookie: `session=${MARKS.cookie}`, Authorization: `Bearer ${MARKS.header}` };

async function useNormally(backend: Backend, url: string, topic: string): Promise<RawIdentity> {
  const client = await RawClient.welcome(
    url,
    { token: `good ${MARKS.token}`, channels: [topic] },
    { headers: COOKIES },
  );
  const send = (command: string, payload: unknown): string =>
    client.request(topic, command, payload, { key: MARKS.key, ttl: 5_000 });
  const secret = MARKS.payload;
  for (const [command, payload, status] of [
    ['Keep', { number: 1, secret }, 'success'],
    ['Keep', { number: secret, secret }, 'invalid'],
    ['Keep', secret, 'invalid'],
    ['Break', { secret }, 'failed'],
    ['Unwritable', { secret }, 'failed'],
    ['Huge', { secret }, backend === 'kafka' ? 'failed' : 'success'],
  ] as const)
    expect(await client.outcome(topic, send(command, payload))).toMatchObject({ status });
  client.request(topic, 'Nobody', { secret }, { ttl: 50 });
  send('Deny', { secret });
  expect((await client.next(({ data }) => data.code === 'forbidden')).event).toBe('error');
  client.send('refresh', { token: `good ${MARKS.token} narrow` });
  await client.next('refreshed');
  client.send('refresh', { token: MARKS.token });
  expect(await client.closed).toMatchObject({ code: 4500 });
  return client.identity;
}

async function attack(url: string, topic: string): Promise<void> {
  const secret = MARKS.payload;
  for (const headers of [
    { ...COOKIES, 'X-Bad': MARKS.header },
    { ...COOKIES, Origin: 'https://evil.example' },
    { ...COOKIES, 'Sec-WebSocket-Key': MARKS.key },
  ])
    await (
      await RawSocket.open(url, { headers, query: `?token=${MARKS.token}` })
    ).closed;
  for (const token of [MARKS.token, `good garbage ${MARKS.token}`]) {
    const refused = await RawClient.connect(url, { headers: COOKIES });
    refused.hello({ token });
    await refused.closed;
  }
  const misshapen = await RawClient.connect(url);
  misshapen.hello({ token: `good ${MARKS.token}`, publicKey: `B${MARKS.key}` });
  await misshapen.closed;
  const client = await RawClient.welcome(url, { token: `good ${MARKS.token}` }, { headers: COOKIES });
  for (const text of [`{"${secret}`, `"${secret}"`, `{"event":"${secret}","data":{"token":"${MARKS.token}"}}`])
    client.socket.send(text);
  client.socket.send(Buffer.from(secret));
  client.request(topic, 'Keep', '?'.repeat(10), { requestId: secret, traceparent: secret });
  client.request('elsewhere', 'Keep', secret, { key: MARKS.key });
  client.send('refresh', { token: [MARKS.token] });
  await expect.poll(() => client.unread.filter(({ event }) => event === 'error').length).toBeGreaterThanOrEqual(7);
  client.socket.send(secret.repeat(10_000));
  await client.closed;
  const broken = await RawSocket.open(url, { headers: COOKIES });
  broken.frame(OPCODE.text, Buffer.concat([Buffer.from(secret), Buffer.of(0xff)]));
  await broken.closed;
}

/** What another program, or a hostile one that may write to Kafka, leaves in the log. */
async function poison(log: MessageLog, topic: string, { sessionId, publicKey }: RawIdentity): Promise<void> {
  const headers = (type: string, crumbs: string) => ({
    ce_specversion: '1.0',
    ce_id: crypto.randomUUID(),
    ce_source: '/other',
    ce_type: type,
    'content-type': 'application/json',
    ce_breadcrumbs: crumbs,
  });
  const identity = `request=${crypto.randomUUID()};session=${sessionId};publickey=${publicKey};reply=${topic}%2F0`;
  const user = `user=%7B%22sub%22%3A%22${MARKS.claims}%22%7D`;
  const values = [`{"${MARKS.payload}`, MARKS.payload, `{"number":"${MARKS.payload}"}`];
  for (const value of values)
    for (const type of ['command.Keep', 'event.Kept.Now', 'result.Keep'])
      for (const crumbs of [
        `${identity};${user};final=1`,
        `${user};;${MARKS.claims}`,
        `attempt=${MARKS.claims}`,
        `user=%${MARKS.claims}`,
      ])
        await log.publish({ topic, partition: 0, key: MARKS.key, value, headers: headers(type, crumbs) });
}

describe.each(BACKENDS)('what is logged, on %s', (backend: Backend) => {
  it('holds no payload, token, claim, cookie or key, whatever goes right or wrong', async () => {
    const { topic, Keeping } = house();
    const { url, app, stop } = await startApp(
      { ...shared(backend), gateway: { topics: [topic], broadcast: { '*': 'data' }, ...hooks } },
      [Keeping],
    );
    const lines = LogLines.capture();

    const identity = await useNormally(backend, url, topic);
    await attack(url, topic);
    await poison(app.get<MessageLog>(MESSAGE_LOG), topic, identity);
    await useNormally(backend, url, topic); // comes after the poison, so that has been read
    await stop();

    const secrets = [...Object.values(MARKS), identity.publicKey];
    expect(lines.all.filter((line) => secrets.some((secret) => line.includes(secret)))).toEqual([]);
    // And it was not silent: what broke is told, by its kind.
    for (const told of [/SyntaxError/, /it broke\b/, /it broke as well/, /without a "sub"/, /was refused/])
      expect(lines.all.filter((line) => told.test(line))).not.toEqual([]);
  });
});
