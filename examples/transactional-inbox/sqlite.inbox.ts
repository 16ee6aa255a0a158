import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { Completion, Delivery, Handle, Inbox } from 'nestjs-kafka-socket';
import { Database } from './database.js';

/** How long it is kept what came of a message, in milliseconds: longer than the whole service is ever down. */
const KEPT = 7 * 24 * 60 * 60 * 1_000;

interface Row {
  readonly completion: string;
}

/**
 * Inbox and outbox in the database that the handlers write to: effect, outcome and events are committed together, or not at all.
 *
 * Killed before the commit, nothing has happened, and the record is handled again. Killed after it, and before all was
 * published: the record comes again as well, finds what came of it here, and that is published with the same ids.
 */
@Injectable()
export class SqliteInbox implements Inbox, OnModuleInit {
  constructor(private readonly database: Database) {}

  onModuleInit(): void {
    this.database.define(`
      CREATE TABLE IF NOT EXISTS inbox (key TEXT PRIMARY KEY, completion TEXT NOT NULL, at INTEGER NOT NULL);
      CREATE INDEX IF NOT EXISTS inbox_at ON inbox (at);`);
  }

  run({ key, signal }: Delivery, handle: Handle): Promise<Completion> {
    return this.database.transaction(async () => {
      signal.throwIfAborted(); // it may have waited long for its turn
      const known = this.database.get('SELECT completion FROM inbox WHERE key = ?', key) as Row | undefined;
      if (known) return JSON.parse(known.completion) as Completion;
      // A rejected command has an outcome to keep, and no effect.
      const completion = await this.database.undoable(handle, ({ outcome }) => outcome.status !== 'success');
      this.database.run('INSERT INTO inbox VALUES (?, ?, ?)', key, JSON.stringify(completion), Date.now());
      this.database.run('DELETE FROM inbox WHERE at < ?', Date.now() - KEPT);
      return completion;
    });
  }
}
