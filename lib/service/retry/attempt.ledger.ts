import { MAX_NOTE_BYTES } from '../../log/message.log.js';
import { type Attempted, type NotedAttempt, readNote, writeNote } from './attempt.note.js';

/**
 * What was attempted of the records of one partition. It is kept where the partition's commits are, in their note, so the next owner
 * goes on with it, whatever became of this one.
 */
export class AttemptLedger {
  private readonly records = new Map<bigint, Map<string, Attempted>>();
  /** Records that went on elsewhere. */
  private readonly moved = new Set<bigint>();
  private written?: { readonly next: bigint; readonly text: string };

  /** @param lost told how many attempts found no room in a note */
  constructor(private readonly lost: (count: number) => void = () => undefined) {}

  /** Takes over what the owner before had noted. What is known better stays, and what it has finished goes. */
  learn(note: string | undefined, position: bigint): void {
    for (const offset of this.records.keys()) if (offset < position) this.records.delete(offset);
    for (const { offset, handler, ...attempted } of readNote(note, position)) {
      const known = this.find(offset, handler);
      if (!known || known.attempts < attempted.attempts) this.set(offset, handler, attempted);
    }
  }

  /** @param handler names it among those of one record */
  find(offset: bigint, handler: string): Attempted | undefined {
    return this.records.get(offset)?.get(handler);
  }

  set(offset: bigint, handler: string, attempted: Attempted): void {
    this.written = undefined;
    const record = this.records.get(offset);
    if (record) record.set(handler, attempted);
    else this.records.set(offset, new Map([[handler, attempted]]));
  }

  /**
   * The record goes on elsewhere. It stays noted until it is committed, which an earlier record may hold up for long: after a crash it
   * is read again, and must not begin anew.
   */
  move(offset: bigint): void {
    this.moved.add(offset);
  }

  /** The record is finished. */
  drop(offset: bigint): void {
    if (!this.moved.has(offset) && this.records.delete(offset)) this.written = undefined;
  }

  /** All of it as the note of a commit. @param next what is committed; attempts are named by how far they lie behind it */
  write(next: bigint): string {
    if (this.records.size === 0) return '';
    if (this.written?.next === next) return this.written.text;
    for (const offset of this.moved) {
      if (offset < next && this.moved.delete(offset)) this.records.delete(offset);
    }
    const { text, omitted } = writeNote(this.list(next), next, MAX_NOTE_BYTES);
    if (omitted > 0) this.lost(omitted);
    this.written = { next, text };
    return text;
  }

  private list(next: bigint): NotedAttempt[] {
    return [...this.records]
      .filter(([offset]) => offset >= next)
      .flatMap(([offset, handlers]) => [...handlers].map(([handler, one]) => ({ offset, handler, ...one })));
  }
}
