import { setImmediate } from 'node:timers/promises';
import type { RecordBatch } from '../../message/record.js';
import type { LogTroubles } from '../log.troubles.js';
import type { KafkaOptions } from '../log.options.js';
import { Backoff } from './backoff.js';
import { outOfRange, reasonOf } from './kafka.failure.js';
import type { RawBatch } from './kafkajs.internals.js';
import { recordBatchOf } from './kafka.records.js';
import type { TopicPartition } from '../partition.dealer.js';
import type { PartitionReading } from './partition.reading.js';
import type { FetchPosition, ReadingCluster } from './reading.cluster.js';
import type { FetchFollower, FetchSource, SharedFetches } from './shared.fetches.js';
import { WakeUp } from './wake-up.js';

/** How long a fetch waits that leaves out a partition whose reader wants nothing just now, in milliseconds: it joins the next one. */
const SHORT_WAIT = 25;
/** How long one waits that leaves out what another fetcher brings, in milliseconds: it may stop, and records of any other wait behind this one. */
const FOLLOWED_WAIT = 100;

type Readings = readonly PartitionReading[];

/** Whether a fetcher reads for itself and lets others have it, or takes from others what it can. */
export type FetcherRole = 'source' | 'follower';

/** Reads partitions side by side, one fetch at a time from each broker that leads some of them. */
export class PartitionFetcher implements FetchSource, FetchFollower {
  private readonly readings = new Map<string, PartitionReading>();
  private readonly loops = new Map<number, Promise<void>>();
  /** Brokers whose last answer was a good one. */
  private readonly live = new Set<number>();
  private readonly changed = new WakeUp();
  private readonly tasks = new Set<Promise<void>>();
  private readonly refreshes: NodeJS.Timeout;
  private seeking = false;
  private closed = false;

  /**
   * @param part what this reads for, in words for logs
   * @param shared what other fetchers of this process bring, or take
   * @param onRefresh called when it was learnt anew who leads what
   */
  constructor(
    private readonly cluster: ReadingCluster,
    private readonly options: KafkaOptions,
    private readonly troubles: LogTroubles,
    private readonly part: string,
    private readonly shared: SharedFetches,
    private readonly role: FetcherRole,
    private readonly onRefresh: () => void,
  ) {
    if (role === 'source') shared.addSource(this);
    else shared.addFollower(this);
    this.refreshes = setInterval(() => void this.refresh().catch(() => undefined), options.metadataMaxAge);
  }

  has(topic: string, partition: number): boolean {
    return this.readings.has(`${topic}/${partition}`);
  }

  add(reading: PartitionReading): void {
    this.readings.set(nameOf(reading), reading);
    this.startLoops();
  }

  /** What was asked for it, and comes later, is dropped. */
  remove(reading: PartitionReading): void {
    const name = nameOf(reading);
    if (this.readings.get(name) === reading) this.readings.delete(name);
    this.forgetIdle();
    this.wake();
  }

  /** Looks again what is to be fetched. */
  wake(): void {
    this.changed.notify();
  }

  awaits(topic: string, partition: number, position: bigint): boolean {
    const reading = this.readings.get(`${topic}/${partition}`);
    if (!reading?.idle || reading.position !== position) return false;
    const leader = this.cluster.leaderOf(reading);
    return leader !== undefined && this.live.has(leader);
  }

  offer(batch: RecordBatch, from: bigint): void {
    const reading = this.readings.get(nameOf(batch));
    if (!reading || this.closed) return;
    if (reading.idle && reading.position === from) void this.follow(reading, batch);
    else this.wake();
  }

  /** Resolves when nothing is fetched or handed over any more, except to readers that are busy. */
  async close(): Promise<void> {
    this.closed = true;
    this.shared.remove(this);
    clearInterval(this.refreshes);
    this.changed.notify();
    await Promise.all([...this.loops.values(), ...this.tasks]);
  }

  private async follow(reading: PartitionReading, batch: RecordBatch): Promise<void> {
    await reading.take(batch, this.cluster.signal);
    await setImmediate(); // by then its source has mostly done with it as well, and awaits the next one
    if (!this.shared.awaits(reading)) this.wake();
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
      const own = this.role === 'source' ? led : led.filter((reading) => !this.shared.awaits(reading));
      if (own.length === 0) this.troubles.clear(this.troubleOf(leader)); // what it cannot fetch itself comes all the same
      const idle = own.filter((reading) => reading.idle);
      if (idle.length === 0) await this.changed.wait();
      else if (await this.fetch(leader, idle, this.waitFor(led, own, idle))) backoff.reset();
      else await this.recover(backoff);
    }
    this.lose(leader);
    this.troubles.forget(this.troubleOf(leader));
    this.loops.delete(leader);
  }

  /** Each broker may be away by itself. */
  private troubleOf(leader: number): string {
    return `${this.part}, broker ${leader}`;
  }

  /** Whether a broker answers that leads nothing that is read is nobody's trouble, also while its loop still waits. */
  private forgetIdle(): void {
    for (const leader of this.loops.keys())
      if (this.ledBy(leader).length === 0) this.troubles.forget(this.troubleOf(leader));
  }

  private waitFor({ length: led }: Readings, { length: own }: Readings, { length: idle }: Readings): number {
    const { fetchWait } = this.options;
    if (idle < own) return Math.min(fetchWait, SHORT_WAIT);
    return own < led ? Math.min(fetchWait, FOLLOWED_WAIT) : fetchWait;
  }

  private ledBy(leader: number): PartitionReading[] {
    return [...this.readings.values()].filter((reading) => this.cluster.leaderOf(reading) === leader);
  }

  /** @returns whether it worked */
  private async fetch(leader: number, idle: Readings, maxWait: number): Promise<boolean> {
    const { fetchBytes: maxBytes } = this.options;
    const asked = idle.map(({ topic, partition, position }) => ({ topic, partition, position, maxBytes }));
    try {
      const batches = await this.cluster.fetch(leader, asked, maxWait);
      this.live.add(leader);
      this.troubles.clear(this.troubleOf(leader));
      for (const batch of batches) await this.hand(batch);
      return true;
    } catch (error) {
      this.lose(leader);
      if (this.closed) return false;
      const lost = outOfRange(error);
      if (lost) return this.goToStart(leader, lost, asked);
      this.troubles.report(
        this.troubleOf(leader),
        `Kafka cannot be read now (${this.troubleOf(leader)}): ${reasonOf(error)}`,
      );
      return false;
    }
  }

  private async hand(batch: RawBatch): Promise<void> {
    const reading = this.readings.get(nameOf(batch));
    // A partition that moved may come from both brokers, and one that is followed from its source meanwhile.
    if (this.closed || !reading || reading.busy || batch.fetchedOffset !== reading.position.toString()) return;
    const { position } = reading;
    const records = recordBatchOf(batch, position);
    if (records.next === position) return;
    void reading.take(records, this.cluster.signal).then(() => this.wake());
    if (this.role === 'source') this.shared.offer(records, position);
    await setImmediate(); // most readers are done by then, and other work gets its turn between two partitions
    if (reading.busy && this.role === 'source') this.shared.wake();
  }

  /** What this broker leads is not to be waited for. */
  private lose(leader: number): void {
    if (this.live.delete(leader) && this.role === 'source') this.shared.wake();
  }

  /** Retention has taken what was to be read next, or the log is another one. */
  private async goToStart(leader: number, lost: TopicPartition, asked: readonly FetchPosition[]): Promise<boolean> {
    const { topic, partition } = lost;
    const name = nameOf(lost);
    try {
      const [held] = await this.cluster.offsets(topic, [partition]);
      if (!held) throw new Error(`there is no partition ${partition} any more`);
      const { position } = asked.find((one) => nameOf(one) === name)!;
      const reading = this.readings.get(name);
      // It may be read by a new generation of its group by now, or was brought by another fetcher.
      if (reading?.position === position) reading.moveTo(held.start);
      this.startLoops();
      return true;
    } catch (error) {
      this.troubles.report(
        this.troubleOf(leader),
        `The start of "${topic}" cannot be learnt (${this.part}): ${reasonOf(error)}`,
      );
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
    this.forgetIdle();
    this.startLoops();
  }
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
