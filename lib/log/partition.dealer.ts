/** A member of a group, as far as dealing goes. */
export interface GroupReader {
  readonly id: string;
  readonly topics: readonly string[];
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/**
 * Deals every partition to one of the members that read its topic, always to the one that has the fewest, so that nobody has
 * more than one above another who reads the same. Members in any order get the same, so whoever deals, it ends the same way.
 * @param partitions how many partitions each topic has
 * @returns the partitions of every member, by its id
 */
export function dealPartitions(
  members: readonly GroupReader[],
  partitions: ReadonlyMap<string, number>,
): Map<string, TopicPartition[]> {
  const sorted = [...members].sort((a, b) => (a.id < b.id ? -1 : 1));
  const hands = new Map(sorted.map(({ id }): [string, TopicPartition[]] => [id, []]));
  for (const [topic, count] of [...partitions].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const readers = sorted.filter(({ topics }) => topics.includes(topic)).map(({ id }) => hands.get(id)!);
    if (readers.length === 0) continue;
    for (let partition = 0; partition < count; partition++) {
      const fewest = readers.reduce((least, hand) => (hand.length < least.length ? hand : least));
      fewest.push({ topic, partition });
    }
  }
  return hands;
}
