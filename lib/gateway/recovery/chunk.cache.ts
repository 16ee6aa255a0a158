import type { LogChunk } from './log.chunk.js';

type Place = Pick<LogChunk, 'topic' | 'partition'>;

/** The chunks that were read last, as long as they have room. The one unused for longest goes first. */
export class ChunkCache {
  /** By partition, in offset order; no two of them overlap. */
  private readonly partitions = new Map<string, LogChunk[]>();
  /** All of them, the one unused for longest first. */
  private readonly used = new Set<LogChunk>();
  private bytes = 0;

  /** @param limit bytes that they may take */
  constructor(private readonly limit: number) {}

  /** The chunk that covers an offset, if it is here. */
  at(place: Place, offset: bigint): LogChunk | undefined {
    const chunks = this.chunksOf(place);
    const chunk = chunks[firstAbove(chunks, offset) - 1];
    if (!chunk || chunk.next <= offset) return undefined;
    this.used.delete(chunk);
    this.used.add(chunk);
    return chunk;
  }

  /** Where the next chunk above an offset begins; undefined where there is none. */
  nextAbove(place: Place, offset: bigint): bigint | undefined {
    const chunks = this.chunksOf(place);
    return chunks[firstAbove(chunks, offset)]?.from;
  }

  /** Keeps a chunk of which nothing is here yet. */
  add(chunk: LogChunk): void {
    const chunks = this.chunksOf(chunk);
    chunks.splice(firstAbove(chunks, chunk.from), 0, chunk);
    this.partitions.set(keyOf(chunk), chunks);
    this.used.add(chunk);
    this.bytes += chunk.bytes;
    for (const oldest of this.used) {
      if (this.bytes <= this.limit) return;
      this.drop(oldest);
    }
  }

  private drop(chunk: LogChunk): void {
    const chunks = this.chunksOf(chunk);
    chunks.splice(chunks.indexOf(chunk), 1);
    if (chunks.length === 0) this.partitions.delete(keyOf(chunk));
    this.used.delete(chunk);
    this.bytes -= chunk.bytes;
  }

  private chunksOf(place: Place): LogChunk[] {
    return this.partitions.get(keyOf(place)) ?? [];
  }
}

function keyOf({ topic, partition }: Place): string {
  return `${topic}/${partition}`;
}

/** Index of the first chunk that begins above an offset. */
function firstAbove(chunks: readonly LogChunk[], offset: bigint): number {
  let low = 0;
  let high = chunks.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (chunks[middle]!.from <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
