import type { PendingRecord } from './pending.record.js';

/** Gone records that are kept at most before the array is made anew: shifting an array is linear. */
const SLACK = 1_024;

/** Records that wait, first come first served. Those that were given up are gone as soon as they are first. */
export class RecordLine {
  private records: PendingRecord[] = [];
  private head = 0;

  get first(): PendingRecord | undefined {
    return this.records[this.head];
  }

  push(record: PendingRecord): void {
    this.records.push(record);
  }

  shift(): PendingRecord | undefined {
    const record = this.records[this.head];
    if (!record) return undefined;
    this.head++;
    if (this.head >= SLACK || this.head === this.records.length) this.compact();
    return record;
  }

  /** Puts back what was taken, in its order, before all others. */
  unshift(records: readonly PendingRecord[]): void {
    this.records = [...records, ...this.records.slice(this.head)];
    this.head = 0;
  }

  dropSettled(): void {
    while (this.first?.settled) this.shift();
  }

  private compact(): void {
    this.records = this.records.slice(this.head);
    this.head = 0;
  }
}
