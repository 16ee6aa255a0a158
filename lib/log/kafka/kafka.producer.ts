import type { KafkaClient } from './kafka.client.js';
import {
  type Broker,
  type Cluster,
  errorOf,
  PRODUCE,
  type ProduceAnswer,
  type ProtocolRequest,
  ProduceVersions,
} from './kafkajs.internals.js';
import { encodeBatch } from './record.encoding.js';

const ALL_IN_SYNC_REPLICAS = -1;
/** How the protocol says that there is no text, which is no transaction here. */
const NO_TEXT = -1;
const NOT_LEADER = 6;

/** Records of one partition, as {@link encodeContent} made them. */
export interface ProducedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly contents: readonly Buffer[];
}

/** What became of a batch: the offset of its first record, or why it is not in the log. */
export type Produced = { readonly offset: bigint } | { readonly error: Error };

/**
 * Writes batches to the brokers that lead their partitions, one attempt each. kafkajs' producer is not used: it encodes slowly, tells
 * the error of one partition as if it were all partitions', and asks for all topics that it ever wrote to, or for none where one is gone.
 */
export class KafkaProducer {
  private readonly cluster: Cluster;

  constructor(private readonly client: KafkaClient) {
    this.cluster = client.cluster();
  }

  async connect(): Promise<void> {
    await this.cluster.connect();
    await this.cluster.refreshMetadata(); // which brokers there are: the first record need not wait for it
  }

  disconnect(): Promise<void> {
    return this.cluster.disconnect();
  }

  /** @returns what became of each batch, in their order @throws where no answer came: what was sent may have been written */
  async send(leader: number, batches: readonly ProducedBatch[]): Promise<Produced[]> {
    const broker = await this.broker(leader);
    const { topics } = (await broker.connectionPool.send(this.requestTo(broker, batches))) as ProduceAnswer;
    const answers = new Map(
      topics.flatMap(({ topicName, partitions }) => partitions.map((one) => [`${topicName}/${one.partition}`, one])),
    );
    // Another broker may have the address by now: kafkajs asks where brokers are only when it reaches none there.
    if ([...answers.values()].some(({ errorCode }) => errorCode === NOT_LEADER)) await this.learnBrokers();
    return batches.map(({ topic, partition }) => {
      const answer = answers.get(`${topic}/${partition}`);
      if (!answer) return { error: new Error(`no answer for topic "${topic}", partition ${partition}`) };
      return answer.errorCode === 0 ? { offset: BigInt(answer.baseOffset) } : { error: errorOf(answer.errorCode) };
    });
  }

  private learnBrokers(): Promise<void> {
    return this.cluster.refreshMetadata().catch(() => undefined);
  }

  /** One that has joined since is not known. Where it is, if it is not reached, kafkajs asks by itself. */
  private async broker(leader: number): Promise<Broker> {
    const node = { nodeId: String(leader) };
    return this.cluster.findBroker(node).catch((error: unknown) => {
      if ((error as Error).name !== 'KafkaJSBrokerNotFound') throw error;
      return this.cluster.findBroker(node);
    });
  }

  private requestTo(broker: Broker, batches: readonly ProducedBatch[]): ProtocolRequest {
    const { request, response } = broker.lookupRequest(PRODUCE, ProduceVersions)({ acks: ALL_IN_SYNC_REPLICAS });
    return {
      request: {
        ...request,
        encode: async () => {
          const buffer = this.encode(batches);
          return { buf: buffer, buffer };
        },
      },
      // Of each partition it says its own error.
      response: { decode: response.decode, parse: async (answer) => answer },
    };
  }

  /** https://kafka.apache.org/protocol.html#The_Messages_Produce, versions 3 to 8 */
  private encode(batches: readonly ProducedBatch[]): Buffer {
    const head = Buffer.allocUnsafe(12);
    head.writeInt16BE(NO_TEXT, 0);
    head.writeInt16BE(ALL_IN_SYNC_REPLICAS, 2);
    head.writeInt32BE(this.client.options.publishTimeout, 4);
    const topics = new Map<string, ProducedBatch[]>();
    for (const batch of batches) topics.set(batch.topic, [...(topics.get(batch.topic) ?? []), batch]);
    head.writeInt32BE(topics.size, 8);
    return Buffer.concat([head, ...[...topics].flatMap(([topic, of]) => encodeTopic(topic, of))]);
  }
}

function encodeTopic(topic: string, batches: readonly ProducedBatch[]): Buffer[] {
  const name = Buffer.from(topic);
  const head = Buffer.allocUnsafe(2 + name.length + 4);
  head.writeInt16BE(name.length, 0);
  name.copy(head, 2);
  head.writeInt32BE(batches.length, 2 + name.length);
  const now = Date.now();
  return [
    head,
    ...batches.flatMap(({ partition, contents }) => encodePartition(partition, encodeBatch(contents, now))),
  ];
}

function encodePartition(partition: number, batch: Buffer): Buffer[] {
  const head = Buffer.allocUnsafe(8);
  head.writeInt32BE(partition, 0);
  head.writeInt32BE(batch.length, 4);
  return [head, batch];
}
