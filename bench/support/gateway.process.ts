import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { type INestApplication, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { WebSocket } from 'ws';
import {
  KafkaSocketHealth,
  KafkaSocketModule,
  type KafkaSocketModuleOptions,
  MESSAGE_LOG,
  type MessageLog,
} from '../../lib/index.js';
import { answer } from './child.process.js';
import { now } from './clock.js';
import { eventRecord } from './event.record.js';
import { processUse } from './process.use.js';

/** How often it is asked whether it is ready, in milliseconds. */
const LOOK_EVERY = 5;
const READY_LIMIT = 60_000;

let app: INestApplication | undefined;
const closes: { code: number; at: number }[] = [];

@Module({})
class GatewayApp {}

/** Clients that read nothing hear of no close, so the gateway's own word for it is taken. */
function watchCloses(): void {
  const close = WebSocket.prototype.close;
  WebSocket.prototype.close = function (this: WebSocket, code?: number, ...more: [string?]) {
    if (code !== undefined) closes.push({ code, at: now() });
    return close.call(this, code, ...more);
  };
}

async function ready(health: KafkaSocketHealth): Promise<void> {
  const limit = now() + READY_LIMIT;
  while (!health.check().ready) {
    if (now() > limit) throw new Error(`The gateway is not ready: ${JSON.stringify(health.check().details)}`);
    await pause(LOOK_EVERY);
  }
}

const answers = {
  ...processUse,

  /** Starts our gateway as an application of a user would. Resolves when it is ready, with its address and how long that took. */
  async start(options: KafkaSocketModuleOptions) {
    watchCloses();
    const begin = now();
    const module = { module: GatewayApp, imports: [KafkaSocketModule.forRoot(options)] };
    app = await NestFactory.create(module, { logger: ['error', 'warn'] });
    app.useWebSocketAdapter(new WsAdapter(app));
    const server = app.getHttpServer() as Server;
    await app.listen(0, '127.0.0.1');
    if (!server.listening) await once(server, 'listening');
    await ready(app.get(KafkaSocketHealth));
    return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/socket`, took: now() - begin };
  },

  /** Publishes so many events at once, each about another lot. */
  async publish(topic: string, count: number): Promise<void> {
    const log = app!.get<MessageLog>(MESSAGE_LOG);
    await Promise.all(Array.from({ length: count }, (_, lot) => log.publish({ topic, ...eventRecord(lot) })));
  },

  /** What it closed sockets with, by `now()`. */
  closes: () => closes,

  async stop(): Promise<void> {
    await app?.close();
    app = undefined;
  },
};

export type GatewayProcess = typeof answers;

answer(answers);
