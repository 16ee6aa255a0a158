import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityQuery, EntityRepository } from 'nestjs-kafka-socket';
import { Database } from '../transactional-inbox/database.js';
import { Lot } from './lot.js';

/** Lots in SQLite. Each write says itself which version it expects, so there is nothing between reading and writing. */
@Injectable()
export class SqliteLotRepository implements EntityRepository<Lot>, OnModuleInit {
  constructor(private readonly database: Database) {}

  onModuleInit(): void {
    this.database.define(
      'CREATE TABLE IF NOT EXISTS lot (id TEXT PRIMARY KEY, version INTEGER NOT NULL, title TEXT NOT NULL, estimate INTEGER)',
    );
  }

  async find(id: string): Promise<Lot | undefined> {
    return lotOf(this.database.get('SELECT * FROM lot WHERE id = ?', id));
  }

  async list({ where, after = '', limit }: EntityQuery<Lot>): Promise<Lot[]> {
    const alike = (['title', 'estimate'] as const).filter((column) => where[column] !== undefined);
    const conditions = ['id > ?', ...alike.map((column) => `${column} IS ?`)].join(' AND ');
    const values = alike.map((column) => where[column]);
    const rows = this.database.all(
      `SELECT * FROM lot WHERE ${conditions} ORDER BY id LIMIT ?`,
      after,
      ...values,
      limit,
    );
    return rows.map((row) => lotOf(row)!);
  }

  async insert({ id, version, title, estimate = null }: Lot): Promise<boolean> {
    return this.database.run('INSERT OR IGNORE INTO lot VALUES (?, ?, ?, ?)', id, version, title, estimate) === 1;
  }

  async update({ id, version, title, estimate = null }: Lot, expected: number): Promise<boolean> {
    const sql = 'UPDATE lot SET version = ?, title = ?, estimate = ? WHERE id = ? AND version = ?';
    return this.database.run(sql, version, title, estimate, id, expected) === 1;
  }

  async remove(id: string, expected: number): Promise<boolean> {
    return this.database.run('DELETE FROM lot WHERE id = ? AND version = ?', id, expected) === 1;
  }
}

/** The columns and nothing else, as drivers add things of their own; and where SQLite says that there is nothing the entity says nothing. */
function lotOf(row: unknown): Lot | undefined {
  if (!row) return undefined;
  const { id, version, title, estimate } = row as Lot;
  return Object.assign(new Lot(), { id, version, title }, estimate !== null && { estimate });
}
