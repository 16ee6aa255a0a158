import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Injectable } from '@nestjs/common';
import Sqlite from 'libsql';
import { describe, expect, inject, it, onTestFinished, vi } from 'vitest';
import { Database } from '../examples/transactional-inbox/database.js';
import { SqliteInbox } from '../examples/transactional-inbox/sqlite.inbox.js';
import { decodeMessage } from '../lib/message/cloud-events.codec.js';
import { CommandAddress } from '../lib/entity/command-address.decorator.js';
import { CommandHandler } from '../lib/service/declaration/command-handler.decorator.js';
import { EventEntity } from '../lib/entity/event-entity.decorator.js';
import { MessagePublisher } from '../lib/service/message.publisher.js';
import { CommandRejectedError } from '../lib/service/service.errors.js';
import { LogFollower } from './support/log.follower.js';
import { describeWithKafka } from './support/real.parts.js';
import { fresh, openLog, request, startService } from './support/service.js';
import { TemporaryDirectory } from './support/temporary.directory.js';

const MEMBER = fileURLToPath(new URL('support/transaction.member.mjs', import.meta.url));
const EXAMPLE = fileURLToPath(new URL('../dist/examples/transactional-inbox/main.js', import.meta.url));

function databaseFile(): string {
  const directory = new TemporaryDirectory('sqlite');
  onTestFinished(directory.remove);
  return join(directory.path, 'accounts.sqlite');
}

/** A service whose inbox is in the database that its handler writes to. */
async function shop() {
  const topic = fresh('shop');
  const database = new Database(databaseFile());
  onTestFinished(() => database.onApplicationShutdown());
  database.define('CREATE TABLE sale (amount INTEGER)');
  @CommandAddress(topic, 'Sell')
  class Sell {
    amount!: number;
    fail?: boolean;
  }
  @EventEntity(topic, 'Sale')
  class Sale {}
  @Injectable()
  class Selling {
    constructor(private readonly publisher: MessagePublisher) {}
    @CommandHandler(Sell)
    async sell({ data: { amount, fail } }: { data: Sell }) {
      database.run('INSERT INTO sale VALUES (?)', amount);
      await this.publisher.event(Sale, 'Made', { amount });
      if (fail) throw new CommandRejectedError('SOLD_OUT', 'Nothing left.');
      return amount;
    }
  }
  const inbox = new SqliteInbox(database);
  inbox.onModuleInit();
  const service = await startService({ providers: [Selling], inbox });
  const sales = () => (database.get('SELECT count(*) AS sum FROM sale') as { sum: number }).sum;
  return { topic, database, inbox, service, sales };
}

describe('a handler that writes in the transaction of its inbox', () => {
  it('has one effect, one event and one outcome, however often the command comes', async () => {
    const { topic, service, sales } = await shop();
    const crumbs = { requestId: randomUUID() };
    for (const partition of [0, 1, 2]) await request(service.log, topic, 'Sell', { amount: 5 }, { partition, crumbs });

    const { follower } = service;
    await follower.next('three answers', () => follower.outcomes(crumbs.requestId).length === 3);

    expect(sales()).toBe(1);
    const told = { status: 'success', value: 5 };
    expect(follower.outcomes(crumbs.requestId)).toEqual([told, told, told]);
    await follower.message('event.Sale.Made');
    expect(follower.ofType('event.Sale.Made')).toHaveLength(1);
  });

  it('has no effect and no event where it throws, and its outcome is kept', async () => {
    const { topic, service, sales } = await shop();
    const crumbs = { requestId: randomUUID() };
    for (const partition of [0, 1])
      await request(service.log, topic, 'Sell', { amount: 5, fail: true }, { partition, crumbs });

    const { follower } = service;
    await follower.next('two answers', () => follower.outcomes(crumbs.requestId).length === 2);

    expect(new Set(follower.ofType('result.Sell').map((record) => decodeMessage(record).id)).size).toBe(1);
    const marker = await request(service.log, topic, 'Sell', { amount: 6 });
    await follower.outcome(marker.requestId);
    await follower.message('event.Sale.Made', ({ payload }) => (payload.data as { amount: number }).amount === 6);
    expect(follower.ofType('event.Sale.Made')).toHaveLength(1);
    expect(sales()).toBe(1);
  });

  it('runs again where the commit failed, and is given up where it fails each time', async () => {
    const { topic, service, sales, database } = await shop();
    const run = database.run.bind(database);
    let failures = 2;
    database.run = (sql, ...values) => {
      if (sql.startsWith('INSERT INTO inbox') && failures-- > 0) throw new Error('serialization failure');
      return run(sql, ...values);
    };

    const conflict = await request(service.log, topic, 'Sell', { amount: 5 });
    expect(await service.follower.outcome(conflict.requestId)).toEqual({ status: 'success', value: 5 });
    expect(sales()).toBe(1);

    failures = 5;
    const doomed = await request(service.log, topic, 'Sell', { amount: 6 });
    expect(await service.follower.outcome(doomed.requestId)).toMatchObject({ status: 'failed', code: 'INTERNAL' });
    expect(await service.follower.deadLetter()).toMatchObject({ dlq_reason: 'failed' });
    expect(sales()).toBe(1);
  });
});

describeWithKafka('the example, whose process is killed', () => {
  it(
    'between effect and commit, and then between commit and publication, has one effect, and its outcome is told',
    { timeout: 180_000 },
    async () => {
      if (!existsSync(EXAMPLE)) throw new Error(`${EXAMPLE} is missing. Run \`npm run build\` first.`);
      const log = await openLog('kafka');
      await log.ensureTopics(['accounts', 'accounts.dlq']);
      const follower = await LogFollower.follow(log, ['accounts']);
      const [file, requestId, service] = [databaseFile(), randomUUID(), fresh('accounts')];
      const [ann, bob] = [fresh('ann'), fresh('bob')];
      const balances = accountsIn(file, [ann, bob]);
      const life = (dies: string) => live({ DATABASE: file, SERVICE: service, REQUEST: requestId, DIES: dies });
      const transfer = { from: ann, to: bob, amount: 30 };
      await request(log, 'accounts', 'Transfer', transfer, { partition: 0, crumbs: { requestId } });

      expect(await life('before the commit').death).toBe('SIGKILL');
      expect(balances()).toEqual([100, 100]);

      expect(await life('before publishing').death).toBe('SIGKILL');
      expect(balances()).toEqual([70, 130]);
      expect(follower.outcomes(requestId)).toEqual([]);

      life('of old age');
      await vi.waitUntil(() => follower.outcomes(requestId).length > 0, { timeout: 60_000 });
      await request(log, 'accounts', 'Transfer', transfer, { partition: 1, crumbs: { requestId } });
      await vi.waitUntil(() => follower.outcomes(requestId).length > 1, { timeout: 60_000 });

      const told = { status: 'success', value: transfer };
      expect(follower.outcomes(requestId)).toEqual([told, told]);
      await follower.message('event.Transfer.Made', ({ breadCrumbs }) => breadCrumbs.requestId === requestId);
      expect(balances()).toEqual([70, 130]);
    },
  );
});

/** Makes accounts, as the example would. @returns what reads their balances */
function accountsIn(file: string, names: readonly string[]): () => number[] {
  const database = new Sqlite(file);
  onTestFinished(() => void database.close());
  database.exec('PRAGMA journal_mode = WAL');
  database.exec('CREATE TABLE account (name TEXT PRIMARY KEY, balance INTEGER NOT NULL)');
  for (const name of names) database.prepare('INSERT INTO account VALUES (?, 100)').run(name);
  const balance = database.prepare('SELECT balance FROM account WHERE name = ?');
  return () => names.map((name) => (balance.get(name) as { balance: number }).balance);
}

/** A process of the example; it ends with the test, if not before. */
function live(environment: Record<string, string>): { death: Promise<unknown> } {
  const env = { ...process.env, KAFKA_BROKERS: inject('kafkaBrokers'), ...environment };
  const child: ChildProcess = spawn(process.execPath, [MEMBER], { env, stdio: ['ignore', 'inherit', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return { death: once(child, 'exit').then(([, signal]: unknown[]) => signal) };
}
