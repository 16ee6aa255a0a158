import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type EachBatchPayload, Kafka, type KafkaMessage, logLevel, type Message } from 'kafkajs';
import { type WebSocket, WebSocketServer } from 'ws';
import { answer } from './child.process.js';
import { PackedProducer } from './packed.producer.js';
import { processUse } from './process.use.js';
import type { Bid } from './request.client.js';

/** How often what was read is committed, in milliseconds; nobody waits for it. */
const COMMIT_EVERY = 1_000;

interface Frame {
  readonly event: string;
  readonly data: { readonly requestId: string; readonly key: string; readonly payload: Bid };
}

/** What both hops stand on with nothing around it: kafkajs and `ws`, in one process, as ours. */
class Floor {
  private readonly sockets = new Map<string, WebSocket>();
  private readonly kafka: Kafka;
  private readonly commands: PackedProducer;
  private readonly results: PackedProducer;

  constructor(
    brokers: readonly string[],
    private readonly topic: string,
    private readonly replies: string,
  ) {
    this.kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
    this.commands = new PackedProducer(this.kafka, topic);
    this.results = new PackedProducer(this.kafka, replies);
  }

  async start(): Promise<string> {
    await Promise.all([this.commands.connect(), this.results.connect()]);
    await this.consume(this.topic, ({ key, value, headers }) =>
      this.results.send({ key, value: bid(value!), headers }),
    );
    await this.consume(this.replies, (message) => this.answer(message));
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
    server.on('connection', (socket) => {
      socket.on('message', (text: Buffer) => this.take(socket, JSON.parse(text.toString()) as Frame));
    });
    await once(server, 'listening');
    return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/socket`;
  }

  private take(socket: WebSocket, { event, data }: Frame): void {
    if (event === 'hello') return socket.send('{"event":"welcome","data":{}}');
    const { requestId, key, payload } = data;
    this.sockets.set(key, socket);
    this.commands.send({ key, value: JSON.stringify(payload), headers: { requestId } });
  }

  private answer({ key, value, headers }: KafkaMessage): void {
    const [session, requestId] = [key!.toString(), headers!['requestId']!.toString()];
    const data = `{"requestId":"${requestId}","value":${value!.toString()}}`;
    this.sockets.get(session)!.send(`{"event":"socket/${this.topic}/${session}","data":${data}}`);
  }

  private async consume(topic: string, take: (message: KafkaMessage) => void): Promise<void> {
    const consumer = this.kafka.consumer({ groupId: topic });
    const done = new Map<number, string>();
    const joined = new Promise<void>((resolve) => consumer.on(consumer.events.GROUP_JOIN, () => resolve()));
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    const eachBatch = async ({ batch: { partition, messages, lastOffset } }: EachBatchPayload): Promise<void> => {
      for (const message of messages) take(message);
      done.set(partition, String(BigInt(messages.at(-1)?.offset ?? lastOffset()) + 1n));
    };
    await consumer.run({ autoCommit: false, eachBatch });
    setInterval(() => {
      const offsets = [...done].map(([partition, offset]) => ({ topic, partition, offset }));
      done.clear();
      if (offsets.length > 0) consumer.commitOffsets(offsets).catch(() => undefined); // the next one says it again
    }, COMMIT_EVERY);
    await joined;
  }
}

/** What a handler does: it reads its payload, and answers with it. */
function bid(value: Buffer): Message['value'] {
  const { amount, note } = JSON.parse(value.toString()) as Bid;
  return JSON.stringify({ amount, note });
}

const answers = {
  ...processUse,

  /** Resolves when it listens, with its address. */
  start: (brokers: readonly string[], topic: string, replies: string): Promise<string> =>
    new Floor(brokers, topic, replies).start(),
};

export type KafkajsFloor = typeof answers;

answer(answers);
