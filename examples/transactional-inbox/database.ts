import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import Sqlite from 'libsql';

interface Transaction {
  open: boolean;
}

/** A database of the application's own: SQLite in a file. Whatever runs in a transaction writes in that, however deep it is called. */
@Injectable()
export class Database implements OnApplicationShutdown {
  private readonly sqlite: Sqlite.Database;
  private readonly transactions = new AsyncLocalStorage<Transaction>();
  private last: Promise<unknown> = Promise.resolve();

  constructor(file: string) {
    this.sqlite = new Sqlite(file);
    this.sqlite.exec('PRAGMA journal_mode = WAL');
  }

  /** For tables, at the start. */
  define(sql: string): void {
    this.sqlite.exec(sql);
  }

  /** Runs work in a transaction, which what it throws rolls back. One at a time: SQLite has one writer. */
  transaction<T>(work: () => Promise<T>): Promise<T> {
    const result = this.last.then(() => this.alone(work));
    this.last = result.catch(() => undefined);
    return result;
  }

  /** Undoes what work wrote, where it says so, and goes on with the transaction. */
  async undoable<T>(work: () => Promise<T>, isUndone: (result: T) => boolean): Promise<T> {
    this.sqlite.exec('SAVEPOINT undoable');
    const result = await work();
    this.sqlite.exec(isUndone(result) ? 'ROLLBACK TO undoable' : 'RELEASE undoable');
    return result;
  }

  /** @returns how many rows it changed */
  run(sql: string, ...values: unknown[]): number {
    // A method that did not end within its time must not write into somebody else's transaction.
    if (!this.transactions.getStore()?.open) throw new Error('The transaction is over.');
    return this.sqlite.prepare(sql).run(...values).changes;
  }

  get(sql: string, ...values: unknown[]): unknown {
    return this.sqlite.prepare(sql).get(...values);
  }

  all(sql: string, ...values: unknown[]): unknown[] {
    return this.sqlite.prepare(sql).all(...values);
  }

  onApplicationShutdown(): void {
    this.sqlite.close();
  }

  private async alone<T>(work: () => Promise<T>): Promise<T> {
    await this.begin();
    const transaction = { open: true };
    try {
      const result = await this.transactions.run(transaction, work);
      this.sqlite.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.sqlite.inTransaction) this.sqlite.exec('ROLLBACK');
      throw error;
    } finally {
      transaction.open = false;
    }
  }

  /** Another process may be at it. */
  private async begin(): Promise<void> {
    for (;;) {
      try {
        this.sqlite.exec('BEGIN IMMEDIATE');
        return;
      } catch (error) {
        if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error;
        await pause(10);
      }
    }
  }
}
