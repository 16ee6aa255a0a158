import { type KafkaOptions, Transport } from '@nestjs/microservices';

/**
 * Nest's Kafka transport as one would run it: topics exist, all replicas acknowledge, and all partitions are read side by side, each in
 * its order. Offsets are committed as kafkajs does it, behind each batch.
 * @param topic names the groups too
 */
export function nestKafka(brokers: readonly string[], topic: string, partitions: number) {
  return {
    transport: Transport.KAFKA,
    options: {
      client: { clientId: 'bench', brokers: [...brokers] },
      consumer: { groupId: topic, allowAutoTopicCreation: false },
      producer: { allowAutoTopicCreation: false },
      send: { acks: -1 },
      // Nothing that is asked for before the group has formed may be lost.
      subscribe: { fromBeginning: true },
      run: { partitionsConsumedConcurrently: partitions },
    },
  } satisfies KafkaOptions;
}
