import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type EachBatchPayload, Kafka, logLevel } from 'kafkajs';
import { type WebSocket, WebSocketServer } from 'ws';
import { answer } from './child.process.js';
import { processUse } from './process.use.js';
import { Turns } from './turns.js';

/**
 * The article's way to catch up: a consumer of its own for each client that comes back, in a group that nobody else is in, from
 * the client's positions to the end, and each record is sent on as it comes. At its best: nothing is committed, the broker
 * lets nobody wait for a group's first rebalance, and as many run at the same time as serves them best.
 */
let kafka: Kafka;
let topic: string;
let turns: Turns;
/** Offset of the last record, by partition. */
let ends: ReadonlyMap<number, bigint>;

interface Hello {
  readonly data: { readonly positions: Readonly<Record<string, Readonly<Record<string, string>>>> };
}

async function serve(socket: WebSocket, hello: Hello): Promise<void> {
  socket.send('{"event":"welcome","data":{}}');
  const count = await turns.run(() => catchUp(socket, hello.data.positions[topic]!));
  socket.send(`{"event":"recovered","data":{"topic":"${topic}","complete":true,"count":${count}}}`);
}

async function catchUp(socket: WebSocket, positions: Readonly<Record<string, string>>): Promise<number> {
  const consumer = kafka.consumer({ groupId: `temporary-${randomUUID()}`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic });
  let count = 0;
  const open = new Set(ends.keys());
  await new Promise<void>((resolve, reject) => {
    const eachBatch = async ({ batch }: EachBatchPayload): Promise<void> => {
      for (const { offset, key, value, timestamp } of batch.messages) {
        const at = `["${topic}",${batch.partition},"${offset}"]`;
        const time = new Date(Number(timestamp)).toISOString();
        socket.send(
          `{"event":"socket/${topic}/broadcast","data":{"at":${at},"type":"Bid.Created","time":"${time}","key":"${key!.toString()}","data":${value!.toString()}}}`,
        );
        count++;
      }
      if (BigInt(batch.lastOffset()) >= ends.get(batch.partition)!) open.delete(batch.partition);
      if (open.size === 0) resolve();
    };
    const seek = (): void => {
      for (const [partition, done] of Object.entries(positions))
        consumer.seek({ topic, partition: Number(partition), offset: String(BigInt(done) + 1n) });
    };
    consumer.on(consumer.events.GROUP_JOIN, seek); // anew where kafkajs starts it anew, as it does under load
    consumer.run({ autoCommit: false, eachBatch }).catch(reject);
  });
  void consumer.disconnect().catch(() => undefined); // nobody waits for it
  return count;
}

const answers = {
  ...processUse,

  /** Serves clients that come back to a topic that nobody writes to any more. */
  async start(brokers: readonly string[], topicName: string): Promise<string> {
    topic = topicName;
    kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING, connectionTimeout: 10_000 });
    const admin = kafka.admin();
    await admin.connect();
    const offsets = await admin.fetchTopicOffsets(topic);
    await admin.disconnect();
    ends = new Map(offsets.map(({ partition, high }) => [partition, BigInt(high) - 1n]));
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
    server.on('connection', (socket) => {
      socket.once('message', (text: Buffer) => void serve(socket, JSON.parse(text.toString()) as Hello));
    });
    await once(server, 'listening');
    return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/socket`;
  },

  /** How many consumers run at the same time. */
  limit(concurrency: number): void {
    turns = new Turns(concurrency);
  },
};

export type TemporaryConsumers = typeof answers;

answer(answers);
