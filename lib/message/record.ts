/** A header's value as readers may meet it: absent, text, bytes, or repeated. */
export type HeaderValue = string | Buffer | readonly (string | Buffer)[] | null | undefined;

/** The headers of a record, as written by anyone. */
export type RecordHeaders = Readonly<Record<string, HeaderValue>>;

/** One place in the log. */
export interface LogPosition {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
}

/**
 * A record as it stands in the log. Its bytes may be views of all that one fetch brought: whoever keeps a few records for long
 * copies what is needed.
 */
export interface LogRecord extends LogPosition {
  /** When it was written, in milliseconds since the epoch, by the broker's or the producer's clock as the topic is set up. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: RecordHeaders;
}

/** A record on its way into the log. */
export interface OutgoingRecord {
  readonly topic: string;
  /** Left out: chosen by the key, as every Kafka client chooses (murmur2); records without a key are spread. */
  readonly partition?: number;
  readonly key: string | Buffer | null;
  readonly value: string | Buffer | null;
  /** Null and undefined are left out. */
  readonly headers: RecordHeaders;
}

/** Records of one partition in offset order. */
export interface RecordBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly LogRecord[];
  /**
   * The offset to go on at. It may lie beyond the last record's: compacted, aborted and control records are passed by
   * without being shown, and a batch may hold nothing else.
   */
  readonly next: bigint;
}
