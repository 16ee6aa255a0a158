import { setMaxListeners } from 'node:events';
import type { Assignment } from '../../log/message.log.js';
import type { CommitWatermark } from './commit.watermark.js';
import type { PartitionProgress } from './dispatch.lag.js';
import type { AttemptBook } from '../retry/attempt.book.js';
import { AttemptLedger } from '../retry/attempt.ledger.js';
import type { Attempted } from '../retry/attempt.note.js';
import { HandlingAbortedError } from '../service.errors.js';

/** A partition while it is ours: what of it is under way, finished, committed. */
export class OwnedPartition {
  private readonly ending = new AbortController();
  private committed: bigint;
  /** The note of the last commit. */
  private noted: string;
  private paused = false;
  private closing = false;
  private commitDue?: NodeJS.Immediate;

  /** @param maxUncommitted records, see `ServiceOptions.maxUncommitted` */
  constructor(
    private readonly assignment: Assignment,
    private readonly watermark: CommitWatermark,
    private readonly maxUncommitted: number,
    private readonly ledger = new AttemptLedger(),
  ) {
    this.committed = assignment.position;
    this.noted = assignment.note ?? '';
    setMaxListeners(0, this.ending.signal); // one for each record under way
    assignment.signal.addEventListener('abort', () => this.abort(new HandlingAbortedError('partition_lost')), {
      once: true,
    });
  }

  /** How far it is finished. */
  get progress(): PartitionProgress {
    const { topic, partition } = this.assignment;
    return { topic, partition, finished: this.watermark.finished };
  }

  /** Aborts when the partition's records are no longer ours to finish. */
  get signal(): AbortSignal {
    return this.ending.signal;
  }

  /** Whether a record was read before: a batch that comes twice must not be handled twice. */
  hasRead(offset: bigint): boolean {
    return offset < this.watermark.read;
  }

  begin(offset: bigint): void {
    this.watermark.begin(offset);
  }

  /** Whether a record that was begun has ended all the same: by a handler that was at work before the partition came back. */
  hasEnded(offset: bigint): boolean {
    return this.watermark.hasEnded(offset);
  }

  /** A record is finished, and all that came of it is in the log. */
  finish(offset: bigint): void {
    this.watermark.end(offset);
    this.ledger.drop(offset);
    if (!this.signal.aborted) this.changed(); // else the next owner's commits may be further on already
  }

  /** All below `next` was read. */
  passed(next: bigint): void {
    this.watermark.passed(next);
    this.changed();
  }

  /** Commits what is finished, now. */
  commit(): void {
    clearImmediate(this.commitDue);
    this.commitDue = undefined;
    const { finished } = this.watermark;
    if (this.signal.aborted || finished < this.committed) return;
    const note = this.ledger.write(finished);
    if (finished === this.committed && note === this.noted) return;
    this.committed = finished;
    this.noted = note;
    this.assignment.commit(finished, note);
  }

  /** What was attempted of a record, and what is noted of it beside the commits. @param moved what was attempted elsewhere before */
  bookOf(offset: bigint, mayHaveBegun: boolean, moved?: Attempted): AttemptBook {
    return {
      before: moved?.attempts ?? 0,
      mayHaveBegun,
      find: (handler) => this.ledger.find(offset, handler) ?? moved,
      note: async (handler, attempted) => {
        this.ledger.set(offset, handler, attempted);
        this.commit();
        if (!this.signal.aborted) await this.assignment.flush();
      },
      move: () => this.ledger.move(offset),
    };
  }

  /** Fetches nothing more, whatever finishes from now on. */
  close(): void {
    this.closing = true;
    if (!this.signal.aborted) this.assignment.pause();
  }

  abort(reason: HandlingAbortedError): void {
    clearImmediate(this.commitDue);
    this.ending.abort(reason);
  }

  private changed(): void {
    // Once for all that ends in one turn of the loop.
    this.commitDue ??= setImmediate(() => this.commit());
    if (this.closing) return;
    const { uncommitted } = this.watermark;
    if (!this.paused && uncommitted >= this.maxUncommitted) {
      this.paused = true;
      this.assignment.pause();
    } else if (this.paused && uncommitted <= this.maxUncommitted / 2) {
      // Not at once: a partition that is paused and resumed for every record fetches the same bytes again and again.
      this.paused = false;
      this.assignment.resume();
    }
  }
}
