import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { context, type Span, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { CommandFailedError, KafkaSocketClient } from 'nestjs-kafka-socket/client';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { freePorts } from './support/free.ports.js';
import { OtlpCollector } from './support/otlp.collector.js';
import { ServerProcess } from './support/server.process.js';
import { TemporaryDirectory } from './support/temporary.directory.js';

const MEMBER = fileURLToPath(new URL('./support/traced.member.mjs', import.meta.url));

/** A gateway and a service as processes of their own, on real Kafka and Redis, and this process as their client; all traced. */
async function open() {
  const collector = await OtlpCollector.start();
  const topic = `traced-${randomUUID()}`;
  const directory = new TemporaryDirectory('traced');
  const ports = await freePorts(2);
  const members = ports.map((port, index) => memberOf(['gateway', 'service'][index]!, port));
  onTestFinished(async () => {
    await Promise.all(members.map((member) => member.stop()));
    directory.remove();
  });
  await Promise.all(members.map((member) => member.start()));
  const click = clicking(collector.url);
  const client = new KafkaSocketClient(`ws://127.0.0.1:${ports[0]}/socket`, { WebSocket, trace: activeTraceparent });
  onTestFinished(() => client.close());
  await client.ready();
  return { collector, topic, client, click };

  function memberOf(role: string, port: number): ServerProcess {
    const brokers = inject('kafkaBrokers');
    const own = { ROLE: role, PORT: port, TOPIC: topic, OTLP_URL: collector.url };
    const variables = Object.entries({ ...own, KAFKA_BROKERS: brokers, REDIS_URL: inject('redisUrl') });
    return new ServerProcess({
      name: role,
      command: 'env',
      args: [...variables.map(([name, value]) => `${name}=${value}`), process.execPath, MEMBER],
      logFile: join(directory.path, `${role}.log`),
      isReady: async () => (await fetch(`http://127.0.0.1:${port}/health`)).ok,
    });
  }
}

/** An application with an OpenTelemetry of its own, and a span for each click. */
function clicking(url: string) {
  const resource = resourceFromAttributes({ 'service.name': 'client' });
  const spanProcessors = [new SimpleSpanProcessor(new OTLPTraceExporter({ url }))];
  const provider = new NodeTracerProvider({ resource, spanProcessors });
  provider.register();
  onTestFinished(async () => {
    trace.disable();
    context.disable();
    await provider.shutdown();
  });
  return <T>(ask: () => Promise<T>): Promise<{ traceId: string; answer: T }> =>
    trace.getTracer('the application').startActiveSpan('click', async (span: Span) => {
      const answer = await ask().finally(() => span.end());
      return { traceId: span.spanContext().traceId, answer };
    });
}

/** As an application gives it to its client, which knows nothing of OpenTelemetry. */
function activeTraceparent(): string | undefined {
  const span = trace.getActiveSpan()?.spanContext();
  return span && `00-${span.traceId}-${span.spanId}-0${span.traceFlags}`;
}

describe.skipIf(!inject('kafkaBrokers') || !inject('redisUrl'))('a click, in three processes', () => {
  it('has one trace to its outcome, or to its time-out, each span under the one that caused it', async () => {
    const { collector, topic, client, click } = await open();

    const placed = await click(() => client.send(topic, 'Place', {}));
    const silent = await click(() => client.send(topic, 'Nobody', {}, { ttl: 300 }).catch((error: unknown) => error));

    expect(placed.answer).toEqual({ placed: true });
    const command = 'client click > gateway request > gateway send command.Place';
    const handled = `${command} > service process command.Place`;
    const story = [
      'client click',
      'client click > gateway request',
      command,
      handled,
      `${handled} > service send event.Order.Placed`,
      `${handled} > service send event.Order.Placed > service process event.Order.Placed`,
      `${handled} > service send result.Place`,
      `${handled} > service send result.Place > gateway deliver`,
    ];
    expect(await collector.paths(placed.traceId, story.length)).toEqual(story.sort());

    expect(silent.answer).toBeInstanceOf(CommandFailedError);
    expect(silent.answer).toMatchObject({ status: 'timeout' });
    const asked = 'client click > gateway request';
    // Its job is taken by whichever process Bull gives it to.
    const told = (await collector.paths(silent.traceId, 5)).map((path) =>
      path.replace(/\w+ send result/, 'either send result'),
    );
    expect(new Set(told)).toEqual(
      new Set([
        'client click',
        asked,
        `${asked} > gateway send command.Nobody`,
        `${asked} > either send result.Nobody`,
        `${asked} > either send result.Nobody > gateway deliver`,
      ]),
    );
  });
});
