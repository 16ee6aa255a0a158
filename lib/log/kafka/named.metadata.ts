import type { Cluster, ConnectionPool, ProtocolRequest, RawMetadata } from './kafkajs.internals.js';
import { METADATA } from './kafkajs.internals.js';

/** How a request says that it asks for all topics, and how that it asks for none. */
const ALL_TOPICS = -1;
const NO_TOPICS = 0;

/**
 * Makes a cluster ask for the topics that it was told of, and for no others, and take what it learns of them. By itself kafkajs
 * asks for all topics where it was told of none, and learns nothing where one partition of them has no leader: one dead disk
 * under a topic of somebody else would keep everybody from starting.
 */
export function askForNamedTopics(cluster: Cluster): Cluster {
  const builder = cluster.connectionPoolBuilder;
  const build = builder.build.bind(builder);
  builder.build = async (place) => tolerant(await build(place));
  return cluster;
}

function tolerant(pool: ConnectionPool): ConnectionPool {
  const send = pool.send.bind(pool);
  pool.send = (asked) =>
    send(asked.request.apiKey === METADATA ? tolerantRequest(asked as ProtocolRequest<RawMetadata>) : asked);
  return pool;
}

function tolerantRequest({ request, response }: ProtocolRequest<RawMetadata>): ProtocolRequest {
  return {
    request: {
      ...request,
      encode: async () => {
        const encoded = await request.encode();
        if (encoded.buffer.readInt32BE(0) === ALL_TOPICS) encoded.buffer.writeInt32BE(NO_TOPICS, 0);
        return encoded;
      },
    },
    response: { ...response, parse: (metadata) => response.parse(withoutPartitionErrors(metadata as RawMetadata)) },
  };
}

/** That it has no leader now is said by its leader as well, -1. */
function withoutPartitionErrors(metadata: RawMetadata): RawMetadata {
  const topicMetadata = metadata.topicMetadata.map((topic) => ({
    ...topic,
    partitionMetadata: topic.partitionMetadata.map((partition) => ({ ...partition, partitionErrorCode: 0 })),
  }));
  return { ...metadata, topicMetadata };
}
