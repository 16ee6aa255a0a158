import { atMost } from '../at-most.js';
import type { KafkaClient } from './kafka.client.js';
import { isRetriable, typeOf } from './kafka.failure.js';

/** How long hanging up may take, in milliseconds. */
const HANG_UP_LIMIT = 1_000;

/**
 * Takes a member that lost its connections out of its group, by others that are new: what hung once may hang still.
 * @throws where the coordinator may not have done it: out of reach, or not yet through with what it held before it was started again
 */
export async function leaveGroup(client: KafkaClient, groupId: string, memberId: string): Promise<void> {
  const cluster = client.cluster();
  try {
    await cluster.connect();
    await cluster.refreshMetadata();
    const coordinator = await cluster.findGroupCoordinator({ groupId });
    await coordinator.leaveGroup({ groupId, memberId }).catch(unlessFinal);
  } finally {
    await atMost(HANG_UP_LIMIT, cluster.disconnect());
  }
}

/** A coordinator that knows no such member has nobody to wait for; one that refuses for good tells whoever joins. */
function unlessFinal(error: unknown): void {
  if (typeOf(error) === undefined || isRetriable(error)) throw error;
}
