import { messageOf } from '../../kafka-socket.error.js';
import { CatchUp } from '../catch-up.js';
import { LogUnavailableError } from '../log.errors.js';
import type { LogTroubles } from '../log.troubles.js';
import type { Tail, TailOptions } from '../message.log.js';
import type { MemoryPartition } from './memory.partition.js';
import { MemoryReader } from './memory.reader.js';

/** Reads all partitions of some topics. */
export class MemoryTail implements Tail {
  private readonly readers: readonly MemoryReader[];
  private readonly catchUp: CatchUp;

  constructor(partitions: readonly MemoryPartition[], { since, onBatch, onLost }: TailOptions, troubles: LogTroubles) {
    const stretches = partitions.map((source) => {
      const { topic, partition, end } = source;
      return { topic, partition, end, source, from: source.firstAt(since) };
    });
    this.catchUp = new CatchUp(stretches);
    this.readers = stretches.map(({ source, from, topic, partition }) => {
      const part = `reading ${topic}/${partition}`;
      return new MemoryReader(source, from, {
        batch: async (batch) => {
          await onBatch(batch);
          this.catchUp.passed(batch, batch.next);
          troubles.clear(part);
        },
        lost: (first, to) => onLost?.({ topic, partition, from: first, to }),
        failed: (error) => troubles.report(part, `A handler failed ${part} and is called again: ${messageOf(error)}`),
      });
    });
  }

  get caughtUp(): Promise<void> {
    return this.catchUp.promise;
  }

  stop(): Promise<void> {
    for (const reader of this.readers) reader.stop();
    this.catchUp.abandon(new LogUnavailableError('Reading was stopped before all was read.', false));
    return Promise.resolve();
  }
}
