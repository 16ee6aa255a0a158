/** A record as a client may get to see it. */
export interface KnownRecord {
  readonly offset: bigint;
  readonly kind: 'event' | 'result' | 'nothing';
  /** Of an event. */
  readonly type?: string;
  /** Of a result: whose it is, and of which request. */
  readonly sessionId?: string;
  readonly requestId?: string;
}

/** All records of all partitions, as `topic/partition`. */
export type KnownLog = ReadonlyMap<string, readonly KnownRecord[]>;

/** What clients are held against. */
export interface ModelLog {
  readonly topics: readonly string[];
  /** Records, counted back from the end, that events are replayed of. */
  readonly replay: bigint;
  /** First offset that is still there, and first that is not written, as far as is known for certain. */
  starts(): Map<string, bigint>;
  ends(): Map<string, bigint>;
}

/**
 * What is wanted above a position: events of these types, or all, and results always. `away`: nothing, nor results. `unsure`: events
 * may come or not, since an answer was lost.
 */
export type Wants = 'all' | 'none' | 'away' | 'unsure' | ReadonlySet<string>;

interface Stretch {
  readonly above: bigint;
  readonly wants: Wants;
}

/** What was wanted of a partition, and what came of it. */
interface Chapter {
  readonly key: string;
  readonly stretches: readonly Stretch[];
  readonly received: readonly bigint[];
}

/** What was wanted of the log and what came of it, for one client over its whole life, and whether that is right. */
export class RecoveryStory {
  private readonly received = new Map<string, bigint[]>();
  private readonly stretches = new Map<string, Stretch[]>();
  /** What was before the client forgot where it stood. */
  private readonly past: Chapter[] = [];
  /** What the log may have lost, by the gateway's own words: all, or events only, below an offset. */
  private readonly excused = new Map<string, bigint>();
  private readonly excusedEvents = new Map<string, bigint>();

  constructor(
    private readonly log: ModelLog,
    private readonly sessionId: string,
  ) {}

  /** From here on something else is wanted. */
  note(key: string, above: bigint, wants: Wants): void {
    const stretches = this.stretches.get(key) ?? [];
    const last = stretches.at(-1)?.above ?? above;
    this.stretches.set(key, [...stretches, { above: above > last ? above : last, wants }]);
  }

  /** A record came. */
  took(key: string, offset: bigint): void {
    const received = this.received.get(key);
    if (received) received.push(offset);
    else this.received.set(key, [offset]);
  }

  /** The client forgets where it stands, so records may come again. */
  turnOver(key: string, offset: bigint): void {
    this.note(key, offset, 'away');
    this.past.push({ key, stretches: this.stretches.get(key)!, received: this.received.get(key) ?? [] });
    this.stretches.delete(key);
    this.received.delete(key);
  }

  /** The gateway says that something is left out. */
  excuse(topic: string, reason: 'retention' | 'limit'): void {
    if (reason === 'retention') raiseAll(this.excused, topic, this.log.starts(), 0n);
    raiseAll(this.excusedEvents, topic, this.log.ends(), -this.log.replay);
  }

  /** What of the log the client should have got and has not, or has got and should not, in words. */
  judge(log: KnownLog): string[] {
    const now = [...this.stretches].map(([key, stretches]) => ({
      key,
      stretches,
      received: this.received.get(key) ?? [],
    }));
    return [...this.past, ...now].flatMap((chapter) => this.judgeChapter(chapter, log.get(chapter.key) ?? []));
  }

  private judgeChapter({ key, stretches, received }: Chapter, records: readonly KnownRecord[]): string[] {
    const left = new Set(received);
    const ended = new Map<string, bigint>();
    const faults: string[] = [];
    for (const record of records) {
      const wants = stretches.filter(({ above }) => record.offset > above).at(-1)?.wants ?? 'away';
      const right = this.expected(key, record, wants, ended.get(record.requestId!));
      if (record.kind === 'result' && !ended.has(record.requestId!)) ended.set(record.requestId!, record.offset);
      const came = left.delete(record.offset);
      const what = `${record.kind} ${record.type ?? ''} at ${key}/${record.offset}`;
      if (came && right === 'no') faults.push(`${what} came, and should not have`);
      if (!came && right === 'yes') faults.push(`${what} did not come`);
    }
    return [...faults, ...[...left].map((offset) => `nothing stands at ${key}/${offset}, and it came`)];
  }

  private expected(key: string, record: KnownRecord, wants: Wants, ended: bigint | undefined): 'yes' | 'no' | 'maybe' {
    if (wants === 'away' || record.kind === 'nothing') return 'no';
    const isExcused = record.offset < (this.excused.get(key) ?? 0n);
    if (record.kind === 'result') {
      if (record.sessionId !== this.sessionId) return 'no';
      // Of a request whose first terminal record the log has lost, who reads it afterwards does not know.
      if (ended !== undefined) return ended < (this.log.starts().get(key) ?? 0n) ? 'maybe' : 'no';
      return isExcused ? 'maybe' : 'yes';
    }
    if (wants === 'unsure') return 'maybe';
    if (wants === 'none' || (wants !== 'all' && !wants.has(record.type!))) return 'no';
    return isExcused || record.offset < (this.excusedEvents.get(key) ?? 0n) ? 'maybe' : 'yes';
  }
}

function raiseAll(excused: Map<string, bigint>, topic: string, offsets: ReadonlyMap<string, bigint>, by: bigint): void {
  for (const [key, offset] of offsets) {
    if (key.startsWith(`${topic}/`) && offset + by > (excused.get(key) ?? 0n)) excused.set(key, offset + by);
  }
}
