import type { LogRange, MessageLog } from '../../log/message.log.js';
import type { GatewayLimits } from '../gateway.options.js';
import type { BroadcastRules } from '../routing/broadcast.rules.js';
import { ChunkCache } from './chunk.cache.js';
import type { FairTurns } from './fair.turns.js';
import { chunkOf, fetchStretch, type LogChunk } from './log.chunk.js';
import { PartitionSweep } from './partition.sweep.js';
import { Semaphore } from './semaphore.js';

/**
 * Reads the log once for all who catch up. Each of them takes chunk after chunk at its own pace: from memory what somebody
 * read a moment ago, else from the next read of the partition, in which all who wait for it join. Bounded in what it keeps and
 * in what it reads at the same time; nothing is read while nobody waits.
 */
export class WarmReader {
  private readonly cache: ChunkCache;
  private readonly slots: Semaphore;
  private readonly sweeps = new Map<string, PartitionSweep>();

  constructor(
    private readonly log: MessageLog,
    private readonly rules: BroadcastRules,
    private readonly turns: FairTurns,
    limits: Pick<GatewayLimits, 'recoveries' | 'recoveryCache'>,
  ) {
    this.cache = new ChunkCache(limits.recoveryCache);
    this.slots = new Semaphore(limits.recoveries);
  }

  /** The chunk that covers the beginning of a stretch, where somebody has read it a moment ago. */
  here({ from, ...place }: LogRange): LogChunk | undefined {
    return this.cache.at(place, from);
  }

  /**
   * Takes a step, in a fair turn, with the chunk that covers the beginning of a stretch. The log must hold all of the stretch.
   * @throws {LogUnavailableError} `log_unavailable`
   * @throws what the step throws, and the signal's reason when it aborts
   */
  async use(stretch: LogRange, step: (chunk: LogChunk) => void, signal: AbortSignal): Promise<void> {
    const { from: offset, to } = stretch;
    const fromMemory = (): boolean => {
      const chunk = this.here(stretch);
      if (chunk) step(chunk);
      return chunk !== undefined;
    };
    if (await this.turns.take(fromMemory, signal)) return;
    const take = (chunk: LogChunk): Promise<void> => this.turns.take(() => step(chunk), signal);
    await this.sweepOf(stretch).fulfil({ offset, to, take }, signal);
  }

  private sweepOf({ topic, partition }: LogRange): PartitionSweep {
    const key = `${topic}/${partition}`;
    let sweep = this.sweeps.get(key);
    if (!sweep) {
      const read = (from: bigint, to: bigint, signal: AbortSignal): Promise<LogChunk> =>
        this.read({ topic, partition, from, to }, signal);
      sweep = new PartitionSweep(read, (offset) => this.cache.nextAbove({ topic, partition }, offset), this.slots);
      this.sweeps.set(key, sweep);
    }
    return sweep;
  }

  private async read(range: LogRange, signal: AbortSignal): Promise<LogChunk> {
    const fetched = await fetchStretch(this.log, range, signal);
    const chunk = await this.turns.take(() => chunkOf(fetched, this.rules), signal);
    this.cache.add(chunk);
    return chunk;
  }
}
