import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { type INestApplication, Module, type Provider } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { KafkaSocketHealth, KafkaSocketModule, type KafkaSocketModuleOptions } from '../../lib/index.js';
import { now } from './clock.js';

/** How often it is asked whether it is ready, and for how long, in milliseconds. */
const LOOK_EVERY = 5;
const READY_LIMIT = 60_000;

@Module({})
class ApplicationModule {}

/** An application as a user writes it: the README's, with handlers of one's own. Resolves when it is ready. */
export async function startApplication(
  options: KafkaSocketModuleOptions,
  providers: Provider[],
): Promise<INestApplication> {
  const module = { module: ApplicationModule, imports: [KafkaSocketModule.forRoot(options)], providers };
  const app = await NestFactory.create(module, { logger: ['error', 'warn'] });
  app.useWebSocketAdapter(new WsAdapter(app));
  await app.listen(0, '127.0.0.1');
  await untilReady(app.get(KafkaSocketHealth));
  return app;
}

/** Where its socket is. */
export async function addressOfSocket(app: INestApplication): Promise<string> {
  const server = app.getHttpServer() as Server;
  if (!server.listening) await once(server, 'listening');
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/socket`;
}

async function untilReady(health: KafkaSocketHealth): Promise<void> {
  const limit = now() + READY_LIMIT;
  while (!health.check().ready) {
    if (now() > limit) throw new Error(`The application is not ready: ${JSON.stringify(health.check().details)}`);
    await pause(LOOK_EVERY);
  }
}
