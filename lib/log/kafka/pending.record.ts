import type { KafkaSocketError } from '../../kafka-socket.error.js';
import type { LogPosition, OutgoingRecord } from '../../message/record.js';
import { encodeContent, RECORD_OVERHEAD } from './record.encoding.js';

/** A record that was given to us and is neither in the log nor refused yet. */
export class PendingRecord {
  readonly topic: string;
  /** Where it must go; undefined: where its key belongs. */
  readonly partition: number | undefined;
  readonly key: string | Buffer | null;
  /** As it goes over the wire. */
  readonly content: Buffer;
  /** Bytes that it takes at most. */
  readonly bytes: number;
  readonly written: Promise<LogPosition>;
  /** Whether it may have gone to a broker's socket, ever: it was handed to kafkajs. */
  sent = false;
  /** Whether an attempt ended in a way that tells nobody whether it was written. */
  doubtful = false;
  /** Whether whoever published it knows how it ended. */
  settled = false;
  private settle!: { resolve(position: LogPosition): void; reject(error: KafkaSocketError): void };

  constructor(
    record: OutgoingRecord,
    /** When it is given up, by `performance.now()`. */
    readonly deadline: number,
    private readonly onSettled: (record: PendingRecord) => void,
  ) {
    this.topic = record.topic;
    this.partition = record.partition;
    this.key = Buffer.isBuffer(record.key) ? Buffer.from(record.key) : record.key;
    this.content = encodeContent(record);
    this.bytes = this.content.length + RECORD_OVERHEAD;
    this.written = new Promise((resolve, reject) => (this.settle = { resolve, reject }));
  }

  resolve(position: LogPosition): void {
    if (this.end()) this.settle.resolve(position);
  }

  reject(error: KafkaSocketError): void {
    if (this.end()) this.settle.reject(error);
  }

  private end(): boolean {
    if (this.settled) return false;
    this.settled = true;
    this.onSettled(this);
    return true;
  }
}
