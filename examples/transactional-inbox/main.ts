import { Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { KafkaSocketModule } from 'nestjs-kafka-socket';
import { KafkaSocketClient } from 'nestjs-kafka-socket/client';
import { WebSocket } from 'ws';
import { Accounts } from './accounts.js';
import { AccountsModule } from './accounts.module.js';
import { SqliteInbox } from './sqlite.inbox.js';

// Without brokers the log lives in this process: enough to look at, not to kill the process and see it go on.
const brokers = process.env['KAFKA_BROKERS']?.split(',');

@Module({
  imports: [
    KafkaSocketModule.forRoot({
      service: 'accounts',
      ...(brokers && { kafka: { brokers } }),
      gateway: { topics: ['accounts'], broadcast: { 'Transfer.*': 'data' } },
      handlers: { inbox: { store: SqliteInbox } }, // among the providers of AccountsModule
    }),
    AccountsModule,
  ],
})
class AppModule {}

const app = await NestFactory.create(AppModule);
app.useWebSocketAdapter(new WsAdapter(app));
app.enableShutdownHooks();
await app.listen(0, '127.0.0.1');

const logger = new Logger('Example');
const client = new KafkaSocketClient(`${(await app.getUrl()).replace('http', 'ws')}/socket`, { WebSocket });
for (const amount of [30, 1_000]) {
  const answer: unknown = await client.send('accounts', 'Transfer', { from: 'ann', to: 'bob', amount }).catch(String);
  const balances = ['ann', 'bob'].map((name) => `${name} ${app.get(Accounts, { strict: false }).balance(name)}`);
  logger.log(`${JSON.stringify(answer)}; ${balances.join(', ')}`);
}
client.close();
await app.close();
