import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { INestApplication, ModuleMetadata, Provider } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { Test } from '@nestjs/testing';
import {
  KafkaSocketHealth,
  KafkaSocketModule,
  type KafkaSocketModuleOptions,
  MemoryMessageLog,
} from 'nestjs-kafka-socket';
import { inject, onTestFinished, vi } from 'vitest';

/** Which log the applications of a test share. */
export type Backend = 'memory' | 'kafka';

/** Where no real Kafka could be had, which the global set-up has told aloud, only the log in memory is left. */
export const BACKENDS: readonly Backend[] = inject('kafkaBrokers') ? ['memory', 'kafka'] : ['memory'];

/** The options that put several applications on one log: a shared one in memory, or real Kafka. */
export function shared(backend: Backend): Pick<KafkaSocketModuleOptions, 'log' | 'kafka'> {
  if (backend === 'memory') return { log: new MemoryMessageLog() };
  return {
    kafka: { brokers: inject('kafkaBrokers').split(','), createTopics: { partitions: 3, replicationFactor: 1 } },
  };
}

/** A running application. */
export interface RunningApp {
  readonly app: INestApplication;
  /** The socket's address. */
  readonly url: string;
  /** Stops it as SIGTERM would; the end of the test does so too. */
  stop(): Promise<void>;
}

/** Starts an application and waits until it is ready. It stops when the test ends. */
export async function startApp(
  options: Partial<KafkaSocketModuleOptions>,
  providers: Provider[] = [],
  imports: NonNullable<ModuleMetadata['imports']> = [],
): Promise<RunningApp> {
  const running = await launchApp(options, providers, imports);
  const health = running.app.get(KafkaSocketHealth);
  await vi.waitUntil(() => health.check().ready, { timeout: 20_000, interval: 5 });
  return running;
}

/** Starts an application and does not wait for more than its start. */
export async function launchApp(
  options: Partial<KafkaSocketModuleOptions>,
  providers: Provider[] = [],
  imports: NonNullable<ModuleMetadata['imports']> = [],
): Promise<RunningApp> {
  const module = await Test.createTestingModule({
    imports: [KafkaSocketModule.forRoot({ service: `service-${randomUUID()}`, ...options }), ...imports],
    providers,
  }).compile();
  const app = module.createNestApplication({ logger: ['fatal'] });
  app.useWebSocketAdapter(new WsAdapter(app));
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= app.close());
  onTestFinished(stop);
  const server = app.getHttpServer() as import('node:http').Server;
  await app.listen(0, '127.0.0.1');
  if (!server.listening) await once(server, 'listening');
  return { app, url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/socket`, stop };
}
