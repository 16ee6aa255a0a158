import { setTimeout as pause } from 'node:timers/promises';
import type { LogRange } from '../../log/message.log.js';
import type { RecordRing } from '../routing/record.ring.js';
import type { RecordRouter } from '../routing/record.router.js';
import type { RoutedUpTo } from '../socket/session.js';
import type { FairTurns } from './fair.turns.js';
import type { LogChunk } from './log.chunk.js';
import type { RecoveringClient } from './recovering.client.js';
import { NEIGHBOURS } from './neighbours.js';
import type { Place } from './recovery.plan.js';
import { StandstillWatch } from './standstill.watch.js';
import { Step } from './step.js';
import type { WarmReader } from './warm.reader.js';

/** Records of the ring that are taken at once; fewer where a step ends before. */
const PIECE = 1_024;
/** How often it is looked whether more was routed, in milliseconds. */
const LOOK_EVERY = 5;
/** After so many looks at partitions that are waited for, it is the others' turn. */
const LOOKS = 20;

/**
 * What clients missed: from the log as far as the ring does not reach, then from the ring, and the last stretch and the change to
 * live delivery within one turn of the event loop, in which nothing else can be routed. So there is no gap, no duplicate, and
 * nothing to hold back.
 */
export class MissedRecords {
  /** One look for all who wait. */
  private look: Promise<void> | undefined;

  constructor(
    private readonly router: RecordRouter,
    private readonly ring: RecordRing,
    private readonly reader: WarmReader,
    private readonly turns: FairTurns,
  ) {}

  /**
   * Brings a client all that it missed, at its own pace.
   * @param goLive is called in the turn in which nothing is missing, with what is routed then
   * @throws {LogUnavailableError} `log_unavailable`
   * @throws the signal's reason when it aborts, and where a partition does not reach this gateway
   */
  async bring(
    client: RecoveringClient,
    goLive: (routed: Iterable<RoutedUpTo>) => void,
    signal: AbortSignal,
  ): Promise<void> {
    using _kept = this.ring.hold();
    const handOver = (): boolean => {
      const step = new Step();
      for (const place of this.placesOf(client)) {
        this.takeFromMemory(client, place, step);
        if (this.isBehind(client, place)) return false;
      }
      goLive(this.router.routed());
      return true;
    };
    const standstill = new StandstillWatch();
    // In a storm nearly all that a client missed is in memory, and one step brings it.
    while (!(await this.turns.take(handOver, signal))) {
      await client.session.drained(signal);
      const places = this.placesOf(client);
      for (const place of places) await this.bringPartition(client, place, signal);
      await this.untilRouted(client, places, standstill, signal);
    }
  }

  /** Up to what was routed when the last step was taken. One that is ahead is left for later: it must not hold up the others. */
  private async bringPartition(client: RecoveringClient, place: Place, signal: AbortSignal): Promise<void> {
    for (let behind = this.isBehind(client, place); behind;) {
      const stretch = this.stretchInLog(client, place);
      if (stretch) await this.takeFromLog(client, stretch, signal);
      else if (this.isAhead(client, place)) return;
      else await this.turns.take(() => this.takeFromRing(client, place), signal);
      behind = this.isBehind(client, place); // now: while the client takes it, more is routed, of every partition
      await client.session.drained(signal);
    }
  }

  /** Waits for what is about to be routed, though not so long that other partitions run away meanwhile. */
  private async untilRouted(
    client: RecoveringClient,
    places: readonly Place[],
    standstill: StandstillWatch,
    signal: AbortSignal,
  ): Promise<void> {
    let ahead = places;
    for (let looks = 0; looks < LOOKS; looks++) {
      ahead = ahead.filter((place) => this.isBehind(client, place) && this.isAhead(client, place));
      if (ahead.length === 0) return;
      for (const place of ahead) standstill.check(place, this.router.next(place.topic, place.partition)!);
      await this.nextLook();
      await client.session.drained(signal);
    }
  }

  /** What only the log holds; undefined where the ring goes on. */
  private stretchInLog(client: RecoveringClient, { topic, partition }: Place): LogRange | undefined {
    const from = this.nextFor(client, { topic, partition });
    const floor = this.ring.floor(topic, partition);
    if (floor !== undefined && from < floor) return { topic, partition, from, to: floor };
    // The router has yet to hear of the partition, which may take a while.
    if (floor === undefined) return { topic, partition, from, to: client.endOf({ topic, partition }) };
    return undefined;
  }

  /**
   * Whether what the client asked for was not routed yet. It is about to be; and what was routed is the first that knows which
   * terminal record of a request came first.
   */
  private isAhead(client: RecoveringClient, place: Place): boolean {
    return this.nextFor(client, place) >= this.router.next(place.topic, place.partition)!;
  }

  private nextLook(): Promise<void> {
    return (this.look ??= pause(LOOK_EVERY).then(() => (this.look = undefined)));
  }

  private takeFromLog(client: RecoveringClient, stretch: LogRange, signal: AbortSignal): Promise<void> {
    return this.reader.use(stretch, (chunk) => void takeChunk(client, stretch, chunk), signal);
  }

  /** As far as that goes: what is read from the log, and what comes behind it in the ring. */
  private takeFromMemory(client: RecoveringClient, place: Place, step: Step): void {
    for (let stretch = this.stretchInLog(client, place); stretch; stretch = this.stretchInLog(client, place)) {
      const chunk = stretch.from < stretch.to && this.reader.here(stretch);
      if (!chunk || !takeChunk(client, stretch, chunk, step)) return;
    }
    this.takeFromRing(client, place, step);
  }

  /** Nothing, where the ring has lost what comes next: that is a matter of another round through the log. */
  private takeFromRing(client: RecoveringClient, place: Place, step?: Step): void {
    const { topic, partition } = place;
    const from = this.nextFor(client, place);
    const next = this.router.next(topic, partition);
    if (next === undefined || from >= next || from < this.ring.floor(topic, partition)!) return;
    const records = this.ring.from(topic, partition, from - BigInt(NEIGHBOURS), PIECE);
    client.take(place, from, { records, next: records[PIECE - 1] ? records[PIECE - 1]!.offset + 1n : next }, step);
  }

  /** All partitions that a client may be behind in: those that are routed, and those that the router has yet to hear of. */
  private placesOf({ missed }: RecoveringClient): Place[] {
    const routed = [...this.router.routed()].map(([topic, partition]) => ({ topic, partition }));
    return [...routed, ...missed.filter(({ topic, partition }) => this.router.next(topic, partition) === undefined)];
  }

  private isBehind(client: RecoveringClient, place: Place): boolean {
    const from = this.nextFor(client, place);
    return from < client.endOf(place) || from < (this.router.next(place.topic, place.partition) ?? 0n);
  }

  /** The next offset that a client needs; all of a partition that was found while it catches up. */
  private nextFor({ session }: RecoveringClient, { topic, partition }: Place): bigint {
    return session.position(topic, partition, (this.ring.opened(topic, partition) ?? 0n) - 1n) + 1n;
  }
}

/** @returns whether that was all of it; else the step was long enough */
function takeChunk(client: RecoveringClient, stretch: LogRange, chunk: LogChunk, step?: Step): boolean {
  if (chunk.held > stretch.from) client.lost(stretch.topic);
  return client.take(stretch, stretch.from, chunk, step);
}
