import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { KafkaSocketClient } from 'nestjs-kafka-socket/client';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { KafkaServer } from './support/kafka.server.js';
import { describeWithKafka } from './support/real.parts.js';
import { SampleProcess, type SampleEnvironment } from './support/sample.process.js';

describe('the sample in one process', () => {
  let sample: SampleProcess;
  beforeAll(async () => {
    sample = await SampleProcess.start();
  });
  afterAll(() => sample?.stop());

  it('says that it is alive and ready', async () => {
    expect(await (await sample.get('/health')).json()).toMatchObject({
      status: 'ok',
      details: { auction: { status: 'up', log: 'up' }, payment: { status: 'up' } },
    });
    expect(await (await sample.get('/health/live')).json()).toEqual({ status: 'ok' });
  });

  it('counts its sockets for Prometheus', async () => {
    await connect(sample);

    const metrics = await sample.get('/metrics');

    expect(metrics.headers.get('content-type')).toContain('text/plain');
    expect(await metrics.text()).toMatch(/^kafka_socket_connections(\{[^}]*\})? 1$/m);
  });

  it('tells the page which spans a request had, without a collector', async () => {
    const client = await connect(sample);
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';

    await client.send('auction', 'Work', { ms: 1 }, { traceparent: `00-${traceId}-00f067aa0ba902b7-01` });

    const names = async () => {
      const { spans } = (await (await sample.get(`/traces/${traceId}`)).json()) as { spans: { name: string }[] };
      return spans.map(({ name }) => name.split(' ')[0]!).sort((one, other) => one.localeCompare(other));
    };
    await expect.poll(names).toEqual(['deliver', 'process', 'request', 'send', 'send']);
    expect((await sample.get(`/traces/${traceId}`)).headers.get('cache-control')).toBe('no-store');
    expect((await sample.get('/traces/%3Cscript%3E')).status).toBe(400);
  });

  it('tells Prometheus what became of a bid', async () => {
    const client = await connect(sample);
    const heard = new Promise((resolve) => client.on('auction', 'Bid', 'Created', resolve));
    const before = await measured(sample);

    await client.send('auction', 'PlaceBid', { lot: 31, amount: 120 });
    await heard;

    const after = await measured(sample);
    const more = (line: string) => (after.get(line) ?? 0) - (before.get(line) ?? 0);
    expect(more('kafka_socket_requests_total{gateway="auction",answer="accepted"}')).toBe(1);
    expect(more('kafka_socket_deliveries_total{gateway="auction",kind="result"}')).toBe(1);
    expect(more('kafka_socket_deliveries_total{gateway="auction",kind="event"}')).toBe(1);
    expect(more('kafka_socket_discards_total{gateway="auction"}')).toBe(1); // the command
    expect(more('kafka_socket_seals_total{gateway="auction"}')).toBe(1);
    expect(more('kafka_socket_sealing_setups_total{gateway="auction"}')).toBe(1);
    expect(after.get('kafka_socket_lag{gateway="auction",topic="auction"}')).toBe(0);
    expect(after.get('kafka_socket_queue_size{gateway="auction"}')).toBe(0);
  });

  it('serves the page, and of the package only what the client consists of', async () => {
    const status = async (path: string) => (await sample.get(path)).status;

    expect(await (await sample.get('/')).text()).toContain('The Saleroom');
    expect(await status('/nestjs-kafka-socket/client/index.js')).toBe(200);
    expect(await status('/nestjs-kafka-socket/protocol/frames.js')).toBe(200);
    expect(await status('/nestjs-kafka-socket/kafka-socket.error.js')).toBe(200);
    expect(await status('/nestjs-kafka-socket/index.js')).toBe(404);
    expect(await status('/nestjs-kafka-socket/client/%2e%2e/index.js')).toBe(404);
  });
});

describeWithKafka('the sample on a Kafka', () => {
  it('knows bids, reserves and sales of before when its service starts anew', async () => {
    const kafka = await ownKafka();
    const gateway = await start({ KAFKA_BROKERS: kafka.addresses, ROLE: 'gateway' });
    const service = await start({ KAFKA_BROKERS: kafka.addresses, ROLE: 'service' });
    const client = await connect(gateway);
    const ask = (command: string, payload: object) => client.send('auction', command, payload);
    await ask('PlaceBid', { lot: 7, amount: 120 });
    await ask('SetReserve', { lot: 7, amount: 200 });
    await ask('PlaceBid', { lot: 12, amount: 300 });
    await ask('Settle', { lot: 12 });

    await service.halt();
    await service.restart();

    await expect(ask('PlaceBid', { lot: 7, amount: 110 })).rejects.toMatchObject({ code: 'BID_TOO_LOW' });
    await expect(ask('Settle', { lot: 7 })).rejects.toMatchObject({ code: 'RESERVE_NOT_MET' });
    await expect(ask('Settle', { lot: 12 })).rejects.toMatchObject({ code: 'ALREADY_SOLD' });
    expect(await ask('GetLots', {})).toEqual([
      { lot: 7, amount: 120, reserve: 200, mine: true },
      { lot: 12, amount: 300, sold: true, mine: true },
    ]);
  }, 180_000);

  it('is alive but not ready while its broker is away', async () => {
    const kafka = await ownKafka();
    const sample = await start({ KAFKA_BROKERS: kafka.addresses });

    await kafka.brokers[0]!.kill();

    await expect.poll(async () => (await sample.get('/health')).status, { timeout: 30_000 }).toBe(503);
    expect((await sample.get('/health/live')).status).toBe(200);
    await kafka.brokers[0]!.start();
    // The broker remembers the members of before, and waits up to their session's 30 s for them.
    await expect.poll(async () => (await sample.get('/health')).status, { timeout: 90_000 }).toBe(200);
  }, 180_000);
});

describe('settings that cannot work', () => {
  it.each([
    ['half a sample without a Kafka to meet on', { ROLE: 'gateway' }, 'ROLE is set and KAFKA_BROKERS is not'],
    ['an unknown role', { ROLE: 'waiter', KAFKA_BROKERS: 'localhost:9092' }, 'ROLE is "waiter"'],
    ['brokers without a port', { KAFKA_BROKERS: 'localhost' }, 'KAFKA_BROKERS is "localhost"'],
    ['something else than a Redis', { REDIS_URL: 'http://:secret@redis' }, 'REDIS_URL is no Redis address'],
    ['a port beyond all ports', { PORT: '70000' }, 'PORT is "70000"'],
  ])('stop the start with a word about %s', async (_what, environment, complaint) => {
    const { code, output } = await runToTheEnd(environment);

    expect(code).toBe(1);
    expect(output).toContain(complaint);
    expect(output).not.toContain('secret');
  });
});

async function start(environment: SampleEnvironment): Promise<SampleProcess> {
  const sample = await SampleProcess.start(environment);
  onTestFinished(() => sample.stop());
  return sample;
}

async function connect({ socketUrl }: SampleProcess): Promise<KafkaSocketClient> {
  const client = new KafkaSocketClient(socketUrl, { WebSocket });
  onTestFinished(() => client.close());
  await client.ready();
  return client;
}

/** What the sample shows to Prometheus: values by name and labels. */
async function measured(sample: SampleProcess): Promise<Map<string, number>> {
  const lines = (await (await sample.get('/metrics')).text()).match(/^\w.*$/gm) ?? [];
  return new Map(
    lines.map((line) => {
      const [series, value] = line.replace(/,otel_scope_name="[^"]*"/, '').split(/ (?=\S+$)/);
      return [series!, Number(value)];
    }),
  );
}

async function ownKafka(): Promise<KafkaServer> {
  const kafka = await KafkaServer.start();
  onTestFinished(() => kafka.stop());
  return kafka;
}

async function runToTheEnd(environment: Record<string, string>): Promise<{ code: number | null; output: string }> {
  const program = fileURLToPath(new URL('../dist/sample-app/main.js', import.meta.url));
  const child = execFile(process.execPath, [program], {
    env: { PATH: process.env['PATH'], ...environment },
    timeout: 20_000,
  });
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk) => (output += String(chunk)));
  await once(child, 'close');
  return { code: child.exitCode, output };
}
