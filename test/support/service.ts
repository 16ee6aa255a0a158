import { randomUUID } from 'node:crypto';
import { type INestApplicationContext, type LoggerService, type ModuleMetadata, type Provider } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import { inject, onTestFinished } from 'vitest';
import { KafkaMessageLog } from '../../lib/log/kafka/kafka.message.log.js';
import { MESSAGE_LOG } from '../../lib/log/log.constants.js';
import { KafkaOptions } from '../../lib/log/log.options.js';
import { MemoryMessageLog } from '../../lib/log/memory/memory.message.log.js';
import type { MessageLog } from '../../lib/log/message.log.js';
import type { BreadCrumbs } from '../../lib/message/bread-crumbs.js';
import { encodeMessage } from '../../lib/message/cloud-events.codec.js';
import { MessageContext } from '../../lib/message/message.context.js';
import { messageId } from '../../lib/message/message.id.js';
import type { LogPosition } from '../../lib/message/record.js';
import type { Inbox } from '../../lib/service/inbox/inbox.js';
import { INBOX } from '../../lib/service/inbox/inbox.constants.js';
import { MessagePublisher } from '../../lib/service/message.publisher.js';
import { ServiceOptions } from '../../lib/service/service.options.js';
import { SERVICE_PROVIDERS } from '../../lib/service/service.providers.js';
import { ServiceRunner } from '../../lib/service/service.runner.js';
import { MemoryTimeoutScheduler } from '../../lib/timeout/memory/memory.timeout.scheduler.js';
import { MemoryTimeoutOptions } from '../../lib/timeout/timeout.options.js';
import { TIMEOUT_SCHEDULER } from '../../lib/timeout/timeout.constants.js';
import { LogFollower } from './log.follower.js';

/** Which log a suite runs on. */
export type Backend = 'memory' | 'kafka';

/** Both, or only the one in memory where no Kafka could be had. */
export const BACKENDS: readonly Backend[] = inject('kafkaBrokers') ? ['memory', 'kafka'] : ['memory'];

/** A log of its own, connected; hung up when the test ends. */
export async function openLog(backend: Backend): Promise<MessageLog> {
  const log = backend === 'memory' ? new MemoryMessageLog() : new KafkaMessageLog(kafkaOptions());
  await log.connect();
  onTestFinished(() => log.close());
  return log;
}

function kafkaOptions(): KafkaOptions {
  const brokers = inject('kafkaBrokers').split(',');
  const createTopics = { partitions: 3, replicationFactor: 1 };
  return Object.assign(new KafkaOptions(), { clientId: 'test', brokers, createTopics });
}

/** How a test's service differs from the usual. */
export interface TestServiceOptions extends Pick<ModuleMetadata, 'imports' | 'controllers'> {
  providers?: Provider[];
  /** @default one of its own, in memory */
  log?: MessageLog;
  options?: Partial<ServiceOptions>;
  /** The scheduler's clock. */
  now?: () => number;
  clockSkew?: number;
  /** @default none */
  inbox?: Inbox;
  /** Overrides, before the module is compiled. */
  adapt?: (builder: TestingModuleBuilder) => void;
}

/** A service of a test, before or after its start. */
export interface TestService {
  readonly app: INestApplicationContext;
  readonly runner: ServiceRunner;
  readonly publisher: MessagePublisher;
  readonly log: MessageLog;
  readonly scheduler: MemoryTimeoutScheduler;
  /** What it logged: level, context and text. */
  readonly lines: readonly string[];
  /** What the service reads and writes. */
  readonly follower: LogFollower;
}

/** Builds a service and leaves it unstarted, with its declarations unread. */
export async function buildService(given: TestServiceOptions): Promise<Omit<TestService, 'follower'>> {
  const log = given.log ?? (await openLog('memory'));
  const timeouts = Object.assign(new MemoryTimeoutOptions(), { clockSkew: given.clockSkew ?? 0 });
  const scheduler = new MemoryTimeoutScheduler(timeouts, given.now);
  const options = Object.assign(new ServiceOptions(), { name: `service-${randomUUID()}` }, given.options);
  const builder = Test.createTestingModule({
    imports: [
      {
        module: class TestKafkaModule {},
        global: true,
        imports: [DiscoveryModule],
        providers: [
          ...SERVICE_PROVIDERS,
          MessageContext,
          { provide: ServiceOptions, useValue: options },
          { provide: MESSAGE_LOG, useValue: log },
          { provide: TIMEOUT_SCHEDULER, useValue: scheduler },
          { provide: INBOX, useValue: given.inbox },
        ],
        exports: [MessagePublisher, ServiceRunner],
      },
      ...(given.imports ?? []),
    ],
    providers: given.providers ?? [],
    controllers: given.controllers ?? [],
  });
  const lines: string[] = [];
  given.adapt?.(builder);
  const module = await builder.setLogger(new LineLogger(lines)).compile();
  const app = await module.init();
  const runner = app.get(ServiceRunner);
  onTestFinished(async () => {
    await runner.stop();
    await app.close();
  });
  return { app, runner, publisher: app.get(MessagePublisher), log, scheduler, lines };
}

/** Starts a service and follows all its topics; it stops when the test ends. */
export async function startService(given: TestServiceOptions): Promise<TestService> {
  const { topics, publishedTopics, ...built } = await startUnfollowed(given);
  const all = new Set([...topics, ...publishedTopics, ...topics.map((topic) => `${topic}.dlq`)]);
  return { ...built, follower: await LogFollower.follow(built.log, [...all]) };
}

/** Starts a service whose records nobody keeps, for tests that look at memory; it stops when the test ends. */
export async function startUnfollowed(given: TestServiceOptions) {
  const built = await buildService(given);
  const { topics, publishedTopics } = built.runner.explore();
  await built.runner.ensureTopics();
  await built.runner.start();
  return { ...built, topics, publishedTopics };
}

/** Keeps what is logged for the test to look at, and prints nothing. */
class LineLogger implements LoggerService {
  constructor(private readonly lines: string[]) {}

  log(): void {}

  error(message: unknown, ...rest: unknown[]): void {
    this.lines.push(`error ${String(rest.at(-1))} ${String(message)}`);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.lines.push(`warn ${String(rest.at(-1))} ${String(message)}`);
  }
}

/** A name that no other test has. */
export function fresh(name: string): string {
  return `${name}-${randomUUID()}`;
}

/** How a request differs from the usual. */
export interface RequestOptions {
  readonly key?: string | null;
  /** @default that of the key */
  readonly partition?: number;
  readonly crumbs?: Partial<BreadCrumbs>;
  readonly value?: string;
  readonly headers?: Record<string, string | undefined>;
}

/** What a gateway would have published. */
export interface SentRequest {
  readonly requestId: string;
  readonly id: string;
  readonly at: LogPosition;
}

/** Publishes a command as a gateway does for a client. */
export async function request(
  log: MessageLog,
  topic: string,
  name: string,
  data: unknown,
  { key = 'session-1', crumbs = {}, value, headers = {}, ...place }: RequestOptions = {},
): Promise<SentRequest> {
  const id = messageId();
  const requestId = crumbs.requestId ?? randomUUID();
  const partition = place.partition ?? (await log.partitionFor(topic, key ?? ''));
  const encoded = encodeMessage({
    id,
    source: '/gateway',
    payload: { kind: 'command', name, data },
    breadCrumbs: {
      requestId,
      sessionId: 'session-1',
      publicKey: 'key-1',
      correlationId: id,
      attempt: 1,
      reply: { topic, partition },
      ...crumbs,
    },
  });
  const at = await log.publish({
    topic,
    partition,
    key,
    value: value ?? encoded.value,
    headers: { ...encoded.headers, ...headers },
  });
  return { requestId, id, at };
}

/** Something that a handler can be held at, and a test can let go. */
export class Gate {
  readonly opened: Promise<void>;
  open!: () => void;

  constructor() {
    this.opened = new Promise((resolve) => (this.open = resolve));
  }
}
