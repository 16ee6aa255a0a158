import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { WsAdapter } from '@nestjs/platform-ws';
import { AppModule } from './app.module.js';
import { startMetrics } from './operations/metrics.js';
import { servePage } from './page/page.assets.js';
import { readSettings, type SampleSettings } from './sample.settings.js';

async function start(): Promise<void> {
  const settings = readSettings(process.env);
  const exporter = startMetrics();
  const app = await NestFactory.create<NestExpressApplication>(AppModule.forRoot(settings, exporter));
  app.enableShutdownHooks();
  if (settings.isGateway) {
    app.useWebSocketAdapter(new WsAdapter(app));
    servePage(app);
  }
  await app.listen(settings.port);
  new Logger('Sample').log(`${describe(settings)} ${addressOf(await app.getUrl())}`);
}

/** Nest tells where it listens, such as `http://[::1]:3000`. Browsers allow WebCrypto on https and on localhost, by this name. */
function addressOf(listening: string): string {
  const address = new URL(listening);
  address.hostname = 'localhost';
  return address.origin;
}

function describe({ brokers, redis, isGateway, isService }: SampleSettings): string {
  const parts = isGateway && isService ? 'Gateway and services' : isGateway ? 'Gateway' : 'Services';
  const log = brokers ? `Kafka at ${brokers.join(', ')}` : 'a log in memory';
  const timeouts = redis ? `Redis at ${redis.host}:${redis.port}` : 'in the process';
  return `${parts} on ${log}, time-outs ${timeouts}:`;
}

start().catch((error: unknown) => {
  new Logger('Sample').error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
