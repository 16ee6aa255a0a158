// The example's service in a process of its own, which kills itself where it is told to. Plain JavaScript: it runs what was built.
import 'reflect-metadata';
import { AsyncLocalStorage } from 'node:async_hooks';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { KafkaSocketModule } from 'nestjs-kafka-socket';
import { Accounts } from '../../dist/examples/transactional-inbox/accounts.js';
import { Database } from '../../dist/examples/transactional-inbox/database.js';
import { SqliteInbox } from '../../dist/examples/transactional-inbox/sqlite.inbox.js';

const { DATABASE, KAFKA_BROKERS, SERVICE, REQUEST, DIES } = process.env;

const requests = new AsyncLocalStorage();

/** The example's database, in which the process dies when all is written, and nothing is committed. */
class MortalDatabase extends Database {
  transaction(work) {
    return super.transaction(async () => {
      const result = await work();
      if (requests.getStore() === REQUEST && DIES === 'before the commit') await die();
      return result;
    });
  }
}

/** The example's inbox, in which it dies when all is committed, and nothing is published. */
class MortalInbox extends SqliteInbox {
  async run(delivery, handle) {
    const { requestId } = delivery.message.breadCrumbs;
    const completion = await requests.run(requestId, () => super.run(delivery, handle));
    if (requestId === REQUEST && DIES === 'before publishing') await die();
    return completion;
  }
}

/** As a machine that loses its power: nothing is said or tidied up any more. */
function die() {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => {});
}

class Member {}
Module({
  imports: [
    KafkaSocketModule.forRoot({
      service: SERVICE,
      // As short as brokers allow: the next life gets the partitions only when this one is given up.
      kafka: { brokers: KAFKA_BROKERS.split(','), sessionTimeout: 6_000 },
      handlers: { inbox: { store: MortalInbox } },
    }),
  ],
  providers: [
    { provide: Database, useFactory: () => new MortalDatabase(DATABASE) },
    { provide: MortalInbox, inject: [Database], useFactory: (database) => new MortalInbox(database) },
    { provide: Accounts, inject: [Database], useFactory: (database) => new Accounts(database) },
  ],
})(Member);

const app = await NestFactory.createApplicationContext(Member, { logger: ['error', 'warn', 'fatal'] });
app.enableShutdownHooks();
