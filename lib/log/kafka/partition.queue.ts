import type { KafkaSocketError } from '../../kafka-socket.error.js';
import type { PendingRecord } from './pending.record.js';
import { RecordLine } from './record.line.js';

/** Bytes of one batch: a quarter of what a broker takes by default (`max.message.bytes`), so that only a single record is refused. */
const BATCH_BYTES = 256 * 1024;
/** Their places are told to whoever published them in one turn, in which nothing else is done. */
const BATCH_RECORDS = 1_000;

/** Records of one partition that are on their way. */
export interface PartitionBatch {
  readonly queue: PartitionQueue;
  readonly records: readonly PendingRecord[];
}

/** The records of one partition in the order they were published in. One batch at a time is on its way. */
export class PartitionQueue {
  /** A batch is on its way. */
  inFlight = false;
  private readonly line = new RecordLine();
  /** Records that go one by one, since one of them may be refused and nobody knows which. */
  private singles = 0;

  constructor(
    readonly topic: string,
    readonly partition: number,
  ) {}

  get hasWork(): boolean {
    this.line.dropSettled();
    return this.line.first !== undefined;
  }

  push(record: PendingRecord): void {
    this.line.push(record);
  }

  /** Lets go of records that were given up. */
  dropSettled(): void {
    this.line.dropSettled();
  }

  /** Takes as many records as fit, at least one where there is one. */
  take(): PartitionBatch {
    const records: PendingRecord[] = [];
    let bytes = 0;
    for (let next = this.nextRecord(); next; next = this.nextRecord()) {
      bytes += next.bytes;
      if (records.length > 0 && (this.singles > 0 || bytes > BATCH_BYTES || records.length === BATCH_RECORDS)) break;
      records.push(this.line.shift()!);
    }
    return { queue: this, records };
  }

  /** The brokers have it. */
  written({ records }: PartitionBatch, baseOffset: bigint): void {
    const { topic, partition } = this;
    this.passSingles(records.length);
    for (const [index, record] of records.entries()) {
      record.resolve({ topic, partition, offset: baseOffset + BigInt(index) });
    }
  }

  /** To be sent again, before all that came later. */
  putBack({ records }: PartitionBatch): void {
    this.line.unshift(records);
  }

  /** To be sent again, each on its own. */
  separate(batch: PartitionBatch): void {
    this.singles = Math.max(this.singles, batch.records.length);
    this.putBack(batch);
  }

  /** The brokers will never take it. */
  refused({ records }: PartitionBatch, error: KafkaSocketError): void {
    this.passSingles(records.length);
    for (const record of records) record.reject(error);
  }

  /** None of what waits will ever be taken. */
  refuseAll(error: KafkaSocketError): void {
    for (let record = this.line.shift(); record; record = this.line.shift()) record.reject(error);
  }

  private nextRecord(): PendingRecord | undefined {
    this.line.dropSettled();
    return this.line.first;
  }

  private passSingles(count: number): void {
    this.singles = Math.max(this.singles - count, 0);
  }
}
