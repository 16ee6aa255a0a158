import { messageOf } from '../../kafka-socket.error.js';
import { partitionOf } from '../key.partitioner.js';
import { MissingTopicsError, RecordRefusedError } from '../log.errors.js';
import type { LogTroubles } from '../log.troubles.js';
import { Backoff } from './backoff.js';
import type { PendingRecord } from './pending.record.js';
import { RecordLine } from './record.line.js';
import { LOOKS, type TopicCatalog } from './topic.catalog.js';

/** Chooses the partition of each record, and keeps those whose topic or partition is not known yet in their order. */
export class RecordRouter {
  private readonly waiting = new Map<string, RecordLine>();
  /** Records without a key go round. */
  private turn = 0;

  constructor(
    private readonly catalog: TopicCatalog,
    private readonly troubles: LogTroubles,
    private readonly signal: AbortSignal,
    private readonly deliver: (record: PendingRecord, partition: number) => void,
  ) {}

  route(record: PendingRecord): void {
    const line = this.waiting.get(record.topic);
    if (line) return line.push(record);
    const partition = this.choose(record);
    if (partition !== undefined) return this.deliver(record, partition);
    const started = new RecordLine();
    started.push(record);
    this.waiting.set(record.topic, started);
    void this.locate(record.topic, started);
  }

  /** Lets go of records that were given up. */
  dropSettled(topic: string): void {
    this.waiting.get(topic)?.dropSettled();
  }

  /** @returns undefined where the topic, or the partition that was asked for, is not known */
  private choose({ topic, partition, key }: PendingRecord): number | undefined {
    const leaders = this.catalog.peek(topic)?.leaders;
    if (!leaders) return undefined;
    if (partition !== undefined) return partition >= 0 && partition < leaders.length ? partition : undefined;
    return key === null ? this.turn++ % leaders.length : partitionOf(key, leaders.length);
  }

  private async locate(topic: string, line: RecordLine): Promise<void> {
    const failure = await this.lookFor(topic, line);
    this.waiting.delete(topic);
    this.troubles.clear(`finding topic ${topic}`);
    for (let record = line.shift(); record; record = line.shift()) {
      const partition = failure ? undefined : this.choose(record);
      if (partition !== undefined) this.deliver(record, partition);
      else record.reject(failure ?? this.noPartition(record));
    }
  }

  /** Asks for the topic for as long as somebody waits. @returns that there is no such topic */
  private async lookFor(topic: string, line: RecordLine): Promise<MissingTopicsError | undefined> {
    const backoff = new Backoff();
    for (let looks = 0; looks < LOOKS && line.first && !this.signal.aborted;) {
      try {
        await this.catalog.refresh(topic);
        looks++;
        if (this.choose(line.first) !== undefined) return undefined;
      } catch (error) {
        if (error instanceof MissingTopicsError && ++looks === LOOKS) return error;
        if (!(error instanceof MissingTopicsError)) this.troubles.report(`finding topic ${topic}`, messageOf(error));
      }
      await backoff.pause(this.signal);
      line.dropSettled();
    }
    return undefined;
  }

  private noPartition({ topic, partition }: PendingRecord): RecordRefusedError {
    const count = this.catalog.peek(topic)?.leaders.length ?? 0;
    return new RecordRefusedError(`Topic "${topic}" has ${count} partitions, and none is number ${partition}.`);
  }
}
