import type { RecordBatch } from '../../message/record.js';
import type { PartitionReading } from './partition.reading.js';

/** Who fetches all partitions of some topics anyway. */
export interface FetchSource {
  /** Whether what comes next in a partition, from an offset on, will come here soon, and be offered. */
  awaits(topic: string, partition: number, position: bigint): boolean;
}

/** Who takes what others fetch, where it is just what it wants. */
export interface FetchFollower {
  /** @param from the offset that was asked for */
  offer(batch: RecordBatch, from: bigint): void;
  /** A source may have stopped: what it awaited comes from elsewhere now. */
  wake(): void;
}

/**
 * What one fetch brings to several readers of a process: a gateway reads all partitions, a service beside it some of the same, and
 * at the end of the log, where both are nearly always, they wait for the same records. Who follows asks for nothing itself while it
 * stands where the source stands; whenever the two part, each fetches for itself.
 */
export class SharedFetches {
  private readonly sources = new Set<FetchSource>();
  private readonly followers = new Set<FetchFollower>();

  addSource(source: FetchSource): void {
    this.sources.add(source);
  }

  addFollower(follower: FetchFollower): void {
    this.followers.add(follower);
  }

  remove(one: FetchSource & FetchFollower): void {
    this.followers.delete(one);
    if (this.sources.delete(one)) this.wake();
  }

  awaits({ topic, partition, position }: PartitionReading): boolean {
    for (const source of this.sources) if (source.awaits(topic, partition, position)) return true;
    return false;
  }

  offer(batch: RecordBatch, from: bigint): void {
    for (const follower of this.followers) follower.offer(batch, from);
  }

  wake(): void {
    for (const follower of this.followers) follower.wake();
  }
}
