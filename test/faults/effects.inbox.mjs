// The services' database: SQLite in a file that all of them share, so that what they did outlives them.
import { AsyncLocalStorage } from 'node:async_hooks';
import { Database } from '../../dist/examples/transactional-inbox/database.js';

const TABLES = `
  CREATE TABLE IF NOT EXISTS inbox (key TEXT PRIMARY KEY, completion TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS effect (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT, n INTEGER, run TEXT,
    message TEXT, topic TEXT, partition INTEGER, offset INTEGER, at INTEGER);`;

/** Several may make it at the same moment: all but one of them find it locked. */
function open(file) {
  for (;;) {
    try {
      const database = new Database(file);
      // Killed processes lose nothing that the system has; only a power cut would.
      database.define(`PRAGMA synchronous = OFF; ${TABLES}`);
      return database;
    } catch (error) {
      if (error.code !== 'SQLITE_BUSY') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    }
  }
}

/** An inbox that keeps effect and completion in one step. Handlers run outside of it, so that slow ones hold up nobody. */
export class Effects {
  #database;
  #instance;
  #runs = 0;
  #noted = new AsyncLocalStorage();

  constructor(file, instance) {
    this.#database = open(file);
    this.#instance = instance;
  }

  /** What a handler does. @returns its answer, which no other run of it gives */
  note(what, n) {
    const run = `${this.#instance}-${process.pid}-${++this.#runs}`;
    this.#noted.getStore().push({ what, n, run });
    return { n, run };
  }

  async run({ key, message, place }, handle) {
    const known = this.#find(key);
    if (known) return known;
    const noted = [];
    const completion = await this.#noted.run(noted, handle);
    return this.#database.transaction(async () => {
      const meanwhile = this.#find(key);
      if (meanwhile) return meanwhile;
      this.#database.run('INSERT INTO inbox VALUES (?, ?)', key, JSON.stringify(completion));
      if (completion.outcome.status === 'success') for (const one of noted) this.#write(one, message.id, place);
      return completion;
    });
  }

  #find(key) {
    const row = this.#database.get('SELECT completion FROM inbox WHERE key = ?', key);
    return row && JSON.parse(row.completion);
  }

  #write({ what, n, run }, message, { topic, partition, offset }) {
    const values = [what, n, run, message, topic, partition, Number(offset), Date.now()];
    const marks = values.map(() => '?').join(', ');
    this.#database.run(
      `INSERT INTO effect (what, n, run, message, topic, partition, offset, at) VALUES (${marks})`,
      ...values,
    );
  }
}
