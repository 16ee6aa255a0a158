import { Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { Create, Created, Delete, Deleted, Get, KafkaSocketModule, List, Update, Updated } from 'nestjs-kafka-socket';
import { KafkaSocketClient } from 'nestjs-kafka-socket/client';
import { WebSocket } from 'ws';
import { SqliteInbox } from '../transactional-inbox/sqlite.inbox.js';
import { Lot } from './lot.js';
import { LotsModule } from './lots.js';

const brokers = process.env['KAFKA_BROKERS']?.split(',');

@Module({
  imports: [
    KafkaSocketModule.forRoot({
      service: 'lots',
      ...(brokers && { kafka: { brokers } }),
      gateway: { topics: ['lots'], broadcast: { 'Lot.*': 'data' } },
      // Row, answer and event are committed together: a command that comes again after a crash is told what it was told before.
      handlers: { inbox: { store: SqliteInbox } },
    }),
    LotsModule,
  ],
})
class AppModule {}

const app = await NestFactory.create(AppModule);
app.useWebSocketAdapter(new WsAdapter(app));
app.enableShutdownHooks();
await app.listen(0, '127.0.0.1');

const logger = new Logger('Example');
const client = new KafkaSocketClient(`${(await app.getUrl()).replace('http', 'ws')}/socket`, { WebSocket });
client.on(Created(Lot), ({ title }) => logger.log(`Everyone hears of a new lot: ${title}`));
client.on(Updated(Lot), ({ title, version }) => logger.log(`Everyone hears of version ${version}: ${title}`));
client.on(Deleted(Lot), ({ version }) => logger.log(`Everyone hears that it is gone, as of version ${version}`));
await client.ready();

const { id } = await client.send(Create(Lot), { title: 'Moon Jar', estimate: 900 });
// Two who have seen version 1: the first one changes it, the other one is told that there is another by now.
const both = ['Moon Jar, 1740', 'Jar'].map((title) => client.send(Update(Lot), { id, version: 1, title }));
for (const ended of await Promise.allSettled(both)) {
  logger.log(ended.status === 'fulfilled' ? `Version ${ended.value.version} is mine` : String(ended.reason));
}
const { version } = await client.send(Get(Lot), { id });
const { items } = await client.send(List(Lot), { where: { estimate: 900 }, limit: 10 });
logger.log(`Lots of that estimate: ${items.length}`);
await client.send(Delete(Lot), { id, version });

client.close();
await app.close();
