import type { Kafka, Producer, ProducerBatch, RecordMetadata } from 'kafkajs';

/** kafkajs' producer, which can be exchanged for a fresh one: it asks for all topics that it ever wrote to, or for none. */
export class KafkaProducer {
  private current: Producer;

  constructor(
    private readonly kafka: Kafka,
    private readonly metadataMaxAge: number,
  ) {
    this.current = this.make();
  }

  connect(): Promise<void> {
    return this.current.connect();
  }

  sendBatch(batch: ProducerBatch): Promise<RecordMetadata[]> {
    return this.current.sendBatch(batch);
  }

  /** Forgets the topics. Where nobody answers, the next attempt to send says so. */
  async renew(): Promise<void> {
    const old = this.current;
    this.current = this.make();
    await Promise.allSettled([old.disconnect(), this.current.connect()]);
  }

  disconnect(): Promise<void> {
    return this.current.disconnect();
  }

  private make(): Producer {
    return this.kafka.producer({
      allowAutoTopicCreation: false,
      metadataMaxAge: this.metadataMaxAge,
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition!, // chosen before, so that its queue is known
      retry: { retries: 0 },
    });
  }
}
