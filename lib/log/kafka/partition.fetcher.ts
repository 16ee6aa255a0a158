import { setImmediate } from 'node:timers/promises';
import type { LogTroubles } from '../log.troubles.js';
import type { KafkaOptions } from '../log.options.js';
import { Backoff } from './backoff.js';
import type { RawBatch } from './kafkajs.internals.js';
import { recordBatchOf } from './kafka.records.js';
import type { PartitionReading } from './partition.reading.js';
import { outOfRange, type ReadingCluster, reasonOf } from './reading.cluster.js';
import { WakeUp } from './wake-up.js';

/** How long a fetch waits that leaves out a partition whose reader is busy, in milliseconds: it joins the next one. */
const SHORT_WAIT = 25;

/** Reads partitions side by side, one fetch at a time from each broker that leads some of them. */
export class PartitionFetcher {
  private readonly readings = new Map<string, PartitionReading>();
  private readonly loops = new Map<number, Promise<void>>();
  private readonly changed = new WakeUp();
  private readonly tasks = new Set<Promise<void>>();
  private readonly refreshes: NodeJS.Timeout;
  private seeking = false;
  private closed = false;

  /** @param part what this reads for, in words for logs; @param onRefresh called when it was learnt anew who leads what */
  constructor(
    private readonly cluster: ReadingCluster,
    private readonly options: KafkaOptions,
    private readonly troubles: LogTroubles,
    private readonly part: string,
    private readonly onRefresh: () => void,
  ) {
    this.refreshes = setInterval(() => void this.refresh().catch(() => undefined), options.metadataMaxAge);
  }

  has(topic: string, partition: number): boolean {
    return this.readings.has(`${topic}/${partition}`);
  }

  add(reading: PartitionReading): void {
    this.readings.set(`${reading.topic}/${reading.partition}`, reading);
    this.startLoops();
  }

  /** Resolves when nothing is fetched or handed over any more, except to readers that are busy. */
  async close(): Promise<void> {
    this.closed = true;
    clearInterval(this.refreshes);
    this.changed.notify();
    await Promise.all([...this.loops.values(), ...this.tasks]);
    this.troubles.forget(this.part);
  }

  private startLoops(): void {
    if (this.closed) return;
    for (const reading of this.readings.values()) {
      const leader = this.cluster.leaderOf(reading);
      if (leader !== undefined && !this.loops.has(leader)) this.loops.set(leader, this.loop(leader));
    }
    if (!this.seeking && this.leaderless()) this.run(this.seekLeaders());
    this.changed.notify();
  }

  private run(task: Promise<void>): void {
    const running = task.finally(() => this.tasks.delete(running));
    this.tasks.add(running);
  }

  /** Until this broker leads nothing that is read. */
  private async loop(leader: number): Promise<void> {
    const backoff = new Backoff();
    await setImmediate(); // so that it is known as running before it ends
    for (let led = this.ledBy(leader); led.length > 0 && !this.closed; led = this.ledBy(leader)) {
      const idle = led.filter(({ busy }) => !busy);
      if (idle.length === 0) await this.changed.wait();
      else if (await this.fetch(leader, idle, idle.length === led.length)) backoff.reset();
      else await this.recover(backoff);
    }
    this.loops.delete(leader);
  }

  private ledBy(leader: number): PartitionReading[] {
    return [...this.readings.values()].filter((reading) => this.cluster.leaderOf(reading) === leader);
  }

  /** @returns whether it worked */
  private async fetch(leader: number, idle: readonly PartitionReading[], all: boolean): Promise<boolean> {
    try {
      const { fetchWait, fetchBytes } = this.options;
      const positions = idle.map(({ topic, partition, position }) => ({
        topic,
        partition,
        position,
        maxBytes: fetchBytes,
      }));
      const batches = await this.cluster.fetch(leader, positions, all ? fetchWait : Math.min(fetchWait, SHORT_WAIT));
      this.troubles.clear(this.part);
      for (const batch of batches) await this.hand(batch);
      return true;
    } catch (error) {
      if (this.closed) return false;
      const lost = outOfRange(error);
      if (lost) return this.goToStart(this.readings.get(`${lost.topic}/${lost.partition}`)!);
      this.troubles.report(this.part, `Kafka cannot be read now (${this.part}): ${reasonOf(error)}`);
      return false;
    }
  }

  private async hand(batch: RawBatch): Promise<void> {
    const reading = this.readings.get(`${batch.topic}/${batch.partition}`)!;
    // A partition that moved may come from both brokers.
    if (this.closed || reading.busy || batch.fetchedOffset !== reading.position.toString()) return;
    const records = recordBatchOf(batch, reading.position);
    if (records.next === reading.position) return;
    void reading.take(records, this.cluster.signal).then(() => this.changed.notify());
    await setImmediate(); // most readers are done by then, and other work gets its turn between two partitions
  }

  /** Retention has taken what was to be read next, or the log is another one. */
  private async goToStart(reading: PartitionReading): Promise<boolean> {
    const { topic, partition } = reading;
    try {
      const offsets = await this.cluster.offsets(topic);
      reading.moveTo(offsets.find((one) => one.partition === partition)!.start);
      this.startLoops();
      return true;
    } catch (error) {
      this.troubles.report(this.part, `The start of "${topic}" cannot be learnt (${this.part}): ${reasonOf(error)}`);
      return false;
    }
  }

  private async recover(backoff: Backoff): Promise<void> {
    await backoff.pause(this.cluster.signal);
    if (!this.closed) await this.refresh().catch(() => undefined);
  }

  private async seekLeaders(): Promise<void> {
    this.seeking = true;
    const backoff = new Backoff();
    for (let lost = this.leaderless(); lost && !this.closed; lost = this.leaderless()) {
      const { topic, partition } = lost;
      this.troubles.report(
        `${this.part}, leaders`,
        `${topic}/${partition} has no leader now and is not read (${this.part})`,
      );
      await this.recover(backoff);
    }
    if (this.closed) this.troubles.forget(`${this.part}, leaders`);
    else this.troubles.clear(`${this.part}, leaders`);
    this.seeking = false;
  }

  private leaderless(): PartitionReading | undefined {
    return [...this.readings.values()].find((reading) => this.cluster.leaderOf(reading) === undefined);
  }

  private async refresh(): Promise<void> {
    await this.cluster.refresh();
    this.onRefresh();
    this.startLoops();
  }
}
