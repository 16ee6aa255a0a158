import type { Message } from 'kafkajs';
import type { KafkaSocketError } from '../../kafka-socket.error.js';
import type { LogPosition, OutgoingRecord } from '../../message/record.js';
import { outgoingBytes, outgoingHeaders } from './kafka.records.js';

/** What a record takes on the wire beside its bytes, and a header beside its own: generous, so that limits hold. */
const RECORD_OVERHEAD = 64;
const HEADER_OVERHEAD = 8;

/** A record that was given to us and is neither in the log nor refused yet. */
export class PendingRecord {
  readonly topic: string;
  /** Where it must go; undefined: where its key belongs. */
  readonly partition: number | undefined;
  readonly message: Message;
  /** Bytes that it takes at most. */
  readonly bytes: number;
  readonly written: Promise<LogPosition>;
  /** Whether it may have gone to a broker's socket, ever: it was handed to kafkajs. */
  sent = false;
  /** Whether whoever published it knows how it ended. */
  settled = false;
  private settle!: { resolve(position: LogPosition): void; reject(error: KafkaSocketError): void };

  constructor(
    { topic, partition, key, value, headers }: OutgoingRecord,
    /** When it is given up, by `performance.now()`. */
    readonly deadline: number,
    private readonly onSettled: (record: PendingRecord) => void,
  ) {
    this.topic = topic;
    this.partition = partition;
    this.message = { key: outgoingBytes(key), value: outgoingBytes(value), headers: outgoingHeaders(headers) };
    this.bytes = sizeOf(this.message);
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

function sizeOf({ key, value, headers = {} }: Message): number {
  let size = RECORD_OVERHEAD + Buffer.byteLength(key ?? '') + Buffer.byteLength(value ?? '');
  for (const name in headers) {
    const one = headers[name];
    if (Array.isArray(one)) for (const part of one) size += headerSize(name, part);
    else size += headerSize(name, one ?? '');
  }
  return size;
}

function headerSize(name: string, value: string | Buffer): number {
  return HEADER_OVERHEAD + Buffer.byteLength(name) + Buffer.byteLength(value);
}
