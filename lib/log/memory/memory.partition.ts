import type { OutgoingRecord, LogRecord, RecordBatch } from '../../message/record.js';
import { storedBytes, storedHeaders } from './memory.record.js';

/** Slots of dropped records that are kept at most before the array is made anew: shifting an array is linear. */
const SLACK = 1_024;

/** One partition: records with consecutive offsets, of which it keeps the newest. */
export class MemoryPartition {
  /** Empty up to the head. */
  private records: (LogRecord | undefined)[] = [];
  /** Index of the oldest record that is still there. */
  private head = 0;
  private next = 0n;
  private readonly wakeUps = new Set<() => void>();

  constructor(
    readonly topic: string,
    readonly partition: number,
    private readonly retention: number,
  ) {}

  get start(): bigint {
    return this.next - BigInt(this.records.length - this.head);
  }

  get end(): bigint {
    return this.next;
  }

  append({ key, value, headers }: OutgoingRecord): bigint {
    const { topic, partition, next: offset } = this;
    this.records.push({
      topic,
      partition,
      offset,
      timestamp: Date.now(),
      key: storedBytes(key),
      value: storedBytes(value),
      headers: storedHeaders(headers),
    });
    this.next++;
    if (this.records.length - this.head > this.retention) this.dropOldest();
    for (const wakeUp of this.wakeUps) wakeUp();
    return offset;
  }

  /** At most `count` records from an offset on, or from the oldest where that is gone; none past the end. */
  read(from: bigint, count: number): RecordBatch {
    const { topic, partition, start } = this;
    const first = from < start ? start : from;
    const index = this.head + Number(first - start);
    const records = this.records.slice(index, index + count) as LogRecord[];
    return { topic, partition, records, next: first + BigInt(records.length) };
  }

  /** The first offset written at or after a time; the end where there is none. */
  firstAt(timestamp: number): bigint {
    return this.records.slice(this.head).find((record) => record!.timestamp >= timestamp)?.offset ?? this.next;
  }

  /** Calls back, within the append, whenever there is something new. */
  onAppend(wakeUp: () => void): Disposable {
    this.wakeUps.add(wakeUp);
    return { [Symbol.dispose]: () => void this.wakeUps.delete(wakeUp) };
  }

  private dropOldest(): void {
    this.records[this.head++] = undefined; // it may be large
    if (this.head < SLACK) return;
    this.records = this.records.slice(this.head);
    this.head = 0;
  }
}
