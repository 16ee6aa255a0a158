import type { Cluster, Connection, ConnectionPool } from './kafkajs.internals.js';

/**
 * Makes sure that a cluster gets out of connections that are dead. Where a request gets no answer in time kafkajs keeps the connection,
 * and uses it for the next one: behind a network that swallows packets that goes on until the system gives it up, after a quarter of
 * an hour. It opens two connections where two requests come at a time, and new ones for what was under way when it was closed.
 * @param closed aborts when nothing is to be sent any more
 */
export function guardConnections(cluster: Cluster, closed?: AbortSignal): Cluster {
  const builder = cluster.connectionPoolBuilder;
  const build = builder.build.bind(builder);
  builder.build = async (place) => guardPool(await build(place), closed);
  return cluster;
}

function guardPool(pool: ConnectionPool, closed?: AbortSignal): ConnectionPool {
  for (const connection of pool.pool) cutWhereSilent(connection);
  const get = pool.getConnection.bind(pool);
  const opening = new Map<number, Promise<Connection>>();
  pool.getConnection = async (index = 0) => {
    closed?.throwIfAborted();
    const opened = opening.get(index) ?? get(index).finally(() => opening.delete(index));
    opening.set(index, opened);
    return opened;
  };
  return pool;
}

/** A broker answers in order: where something older is under way, such as joining a group, what came behind it had to wait. */
function cutWhereSilent(connection: Connection): void {
  const send = connection.send.bind(connection);
  connection.send = (asked) =>
    send(asked).catch((error: unknown) => {
      const { name, correlationId } = error as { name?: string; correlationId?: number };
      const [oldest = Infinity] = connection.requestQueue.inflight.keys();
      if (name === 'KafkaJSRequestTimeoutError' && oldest > correlationId!)
        connection.socket.destroy(new Error('No answer came in time.')); // kafkajs takes notice of an error only
      throw error;
    });
}
