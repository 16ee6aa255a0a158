import { setTimeout as pause } from 'node:timers/promises';
import { type Admin, Kafka, logLevel, Partitioners, type Producer } from 'kafkajs';
import { now } from './clock.js';
import { type EventRecord, eventRecord } from './event.record.js';

/** Pause between two batches of a steady stream, in milliseconds. */
const EVERY = 10;
/** Records in one request at most: a broker takes no more than 1 MiB. */
const BATCH = 500;
/** How often a new topic is looked for, and how long between two looks, in milliseconds. */
const TRIES = 40;
const TRY_EVERY = 250;

/** Writes events to Kafka, beside whoever reads them: all acknowledged by all replicas. */
export class EventWriter {
  private readonly kafka: Kafka;
  private readonly producer: Producer;
  private readonly topics: string[] = [];

  constructor(brokers: readonly string[]) {
    this.kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
    this.producer = this.kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  }

  connect(): Promise<void> {
    return this.producer.connect();
  }

  /** Makes topics, which are gone after {@link close}. */
  async create(topics: readonly string[], partitions: number): Promise<void> {
    const wanted = topics.map((topic) => ({ topic, numPartitions: partitions }));
    await this.asAdmin(async (admin) => {
      // It would wait itself, but gives up at once where the broker has not heard of the new topic yet.
      await admin.createTopics({ topics: wanted, waitForLeaders: false });
      for (const topic of topics) await untilThere(() => admin.fetchTopicOffsets(topic));
    });
    this.topics.push(...topics);
  }

  /** So many events into one partition. */
  async fill(topic: string, partition: number, count: number, name?: string): Promise<void> {
    for (let written = 0; written < count; written += BATCH) {
      const lots = Math.min(BATCH, count - written);
      const messages = Array.from({ length: lots }, (_, lot) => ({ ...eventRecord(lot, { name }), partition }));
      await this.producer.send({ topic, acks: -1, messages });
    }
  }

  /** Records into one partition, in their order. */
  async write(topic: string, partition: number, records: readonly EventRecord[]): Promise<void> {
    for (let written = 0; written < records.length; written += BATCH) {
      const messages = records.slice(written, written + BATCH).map((record) => ({ ...record, partition }));
      await this.producer.send({ topic, acks: -1, messages });
    }
  }

  /**
   * Waits until a topic holds so many records, and no more.
   * @param every how often it is looked, in milliseconds
   * @returns when that was, by `now()`
   */
  until(topic: string, count: number, every: number, limit: number): Promise<number> {
    return this.asAdmin(async (admin) => {
      for (const giveUp = now() + limit; ; await pause(every)) {
        const offsets = await admin.fetchTopicOffsets(topic);
        const records = offsets.reduce((sum, { high }) => sum + Number(high), 0);
        if (records === count) return now();
        if (records > count || now() > giveUp)
          throw new Error(`"${topic}" holds ${records} records in place of ${count}.`);
      }
    });
  }

  /**
   * A steady stream of events that say when they were sent, until the signal aborts. What comes late is made up for, so that
   * slow acknowledgements do not make the stream thinner.
   * @param name their type; as a rule one that clients get
   * @returns how many there were
   */
  async stream(topic: string, perSecond: number, signal: AbortSignal, name?: string): Promise<number> {
    const begin = now();
    const sending = new Set<Promise<unknown>>();
    let sent = 0;
    while (!signal.aborted) {
      const due = Math.floor(((now() - begin) * perSecond) / 1_000) - sent;
      const messages = Array.from({ length: Math.min(due, BATCH) }, (_, lot) =>
        eventRecord(lot, { name, sent: now() }),
      );
      sent += messages.length;
      if (messages.length > 0) {
        const request = this.producer.send({ topic, acks: -1, messages });
        sending.add(request);
        request.then(
          () => sending.delete(request),
          () => undefined, // told at the end
        );
      }
      await pause(EVERY);
    }
    await Promise.all(sending);
    return sent;
  }

  /** For each partition the offset of its next record. */
  async ends(topic: string): Promise<ReadonlyMap<number, number>> {
    const offsets = await this.asAdmin((admin) => admin.fetchTopicOffsets(topic));
    return new Map(offsets.map(({ partition, high }) => [partition, Number(high)]));
  }

  async close(): Promise<void> {
    await this.asAdmin((admin) => admin.deleteTopics({ topics: this.topics }));
    await this.producer.disconnect();
  }

  private async asAdmin<T>(task: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = this.kafka.admin();
    await admin.connect();
    try {
      return await task(admin);
    } finally {
      await admin.disconnect();
    }
  }
}

async function untilThere(look: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await look();
      return;
    } catch (error) {
      if (tries === TRIES) throw error;
      await pause(TRY_EVERY);
    }
  }
}
