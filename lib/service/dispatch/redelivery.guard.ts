import { decodeEnvelope, decodePayload, type MessageEnvelope } from '../../message/cloud-events.codec.js';
import { DEAD_LETTER_HEADERS } from '../../message/dead-letter.headers.js';
import type { Outcome } from '../../protocol/outcome.js';
import { type MessageType, messageTypeOf } from '../../message/message.type.js';
import { endedRequest, isRootCommand } from '../../message/outcome.rule.js';
import type { PlatformMessage } from '../../message/platform-message.js';
import { headerText } from '../../message/record.headers.js';
import type { LogRecord, RecordHeaders } from '../../message/record.js';
import { requestIdentity } from '../../message/request.identity.js';
import type { Assignment, MessageLog } from '../../log/message.log.js';
import type { HandlerRegistry } from '../declaration/handler.registry.js';
import { endOf } from '../partition.end.js';
import { RecentMap } from './recent.map.js';

/**
 * `answered`: some service has handled the command. `timeout`: its client was told that it is too late, so nobody has, unless
 * there is an answer as well.
 */
export type Ending = 'answered' | 'timeout';

/**
 * How an answer stands to what else the log says of its request: `late` where its time-out came first, and so it was dropped;
 * `first` where nothing did; `unsure` where that is not remembered, and only the log can tell.
 */
export type Standing = 'first' | 'late' | 'unsure';

/** How much is remembered, and how long. */
export interface RedeliveryLimits {
  /** Milliseconds. */
  readonly window: number;
  /** Requests. */
  readonly remembered: number;
}

/**
 * Recognises, in one partition, requests and scheduled commands that were sent again, and requests that are answered already. Of the commands with
 * one identity only the first in the partition is handled, and none whose outcome is in the log.
 */
export class RedeliveryGuard {
  /** Offset of the first command record of each request. */
  private readonly firsts: RecentMap<bigint>;
  private readonly endings: RecentMap<Ending>;
  /** Offset of the first time-out of each request that has one. */
  private readonly timeouts: RecentMap<bigint>;
  /** Offset of the answer that came behind the time-out of its request. */
  private readonly lates: RecentMap<bigint>;
  /** All of the partition below it is noted. */
  private noted?: bigint;

  constructor(
    private readonly registry: HandlerRegistry,
    private readonly limits: RedeliveryLimits,
    private readonly now: () => number,
  ) {
    this.firsts = new RecentMap(limits.window, limits.remembered, now);
    this.endings = new RecentMap(limits.window, limits.remembered, now);
    this.timeouts = new RecentMap(limits.window, limits.remembered, now);
    this.lates = new RecentMap(limits.window, limits.remembered, now);
  }

  /**
   * Reads the partition back by the window, and on to its end: what another instance, or this one before it was restarted,
   * handled without committing it has its outcome further on. A partition that comes back is read from where it was lost.
   */
  async readBack(log: MessageLog, assignment: Assignment): Promise<void> {
    const { topic, partition } = assignment;
    if (!this.registry.hasCommands(topic)) return;
    const starts = await log.offsetsAt(topic, this.now() - this.limits.window, [partition]);
    await this.readOn(log, assignment, starts.get(partition));
    // A long way back takes long enough for the previous owner to finish what it had begun.
    await this.readOn(log, assignment);
  }

  /**
   * Notes a command of ours that is about to be handled.
   * @returns false where an earlier record of the partition is the same request
   */
  admits(identity: string | undefined, offset: bigint): boolean {
    this.noted = later(this.noted, offset + 1n);
    if (identity === undefined) return true;
    const first = this.firsts.get(identity);
    if (first !== undefined && first <= offset) return first === offset;
    this.firsts.set(identity, offset);
    return true;
  }

  /**
   * Notes how a request ended, where a result that was read says so.
   * @returns how it stands, where it is the answer to a command of ours; the same whenever the record is read again
   */
  noteResult(record: LogRecord, type: MessageType): Standing | undefined {
    if (!this.isOurs(record, type)) return undefined;
    const identity = endedRequest(record.headers, type);
    if (identity === undefined) return undefined;
    const before = this.endings.get(identity);
    if (isTimeout(record, type)) {
      if (!before) this.noteTimeout(identity, record.offset);
      return undefined;
    }
    this.endings.set(identity, 'answered');
    return this.standing(identity, record.offset, before);
  }

  /** How the log says that a request ended; undefined while it does not. */
  endingOf(identity: string | undefined): Ending | undefined {
    return identity === undefined ? undefined : this.endings.get(identity);
  }

  private noteTimeout(identity: string, offset: bigint): void {
    this.endings.set(identity, 'timeout');
    this.timeouts.set(identity, offset);
  }

  private standing(identity: string, offset: bigint, before: Ending | undefined): Standing {
    if (this.lates.get(identity) === offset) return 'late';
    // Whoever remembers its command has read all that the log says of the request.
    if (before === 'answered' || this.firsts.get(identity) === undefined) return 'unsure';
    if (before === undefined) return 'first';
    // What lies beyond the window may be read after what lies within it.
    if (!((this.timeouts.get(identity) ?? offset) < offset)) return 'unsure';
    this.lates.set(identity, offset);
    return 'late';
  }

  private async readOn(log: MessageLog, assignment: Assignment, start?: bigint): Promise<void> {
    const { topic, partition, signal } = assignment;
    const from = later(start, this.noted) ?? assignment.position;
    const to = await endOf(log, assignment);
    if (from >= to) return;
    for await (const { records, next } of log.read({ topic, partition, from, to }, signal)) {
      for (const record of records) this.noteUnread(record);
      this.noted = next;
    }
  }

  private noteUnread(record: LogRecord): void {
    const type = messageTypeOf(record.headers);
    if (type?.kind === 'result') this.noteResult(record, type);
    if (type?.kind !== 'command' || !this.isOurs(record, type)) return;
    this.admits(
      unlessMalformed(() => repeatedIdentity(decodeEnvelope(record.headers), record.headers)),
      record.offset,
    );
  }

  /** Whether the command that a message is, or answers, is handled here. */
  private isOurs({ topic }: LogRecord, { name }: MessageType): boolean {
    return this.registry.find(topic, { kind: 'command', name }) !== undefined;
  }
}

/** Whether a result says that its command came too late. */
export function isTimeout({ headers, value }: LogRecord, type = messageTypeOf(headers)): boolean {
  // Nearly no result is one, and each is asked: a search costs far less than parsing what it holds.
  if (!type || !value?.includes('"timeout"')) return false;
  const outcome = unlessMalformed(() => decodePayload(type, value).data as Outcome);
  return outcome?.status === 'timeout';
}

function later(one: bigint | undefined, other: bigint | undefined): bigint | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one > other ? one : other;
}

/**
 * The request that a command is; undefined where no client sent it. A nested command carries the identity of the request that
 * it follows from, and is another command all the same.
 */
export function commandIdentity(message: Pick<PlatformMessage, 'id' | 'breadCrumbs'>): string | undefined {
  return isRootCommand(message) ? requestIdentity(message.breadCrumbs) : undefined;
}

/**
 * What of two command records in a partition makes the second one a repetition: the request that they are, or that they are the same
 * publication of a scheduled command, whose publisher died, or lost the acknowledgement, and so wrote it twice. A retry, or a dead
 * letter that comes back, is no repetition.
 */
export function repeatedIdentity(message: MessageEnvelope, headers: RecordHeaders): string | undefined {
  const { id, source, breadCrumbs } = message;
  if (breadCrumbs.due === undefined) return commandIdentity(message);
  const replays = headerText(headers[DEAD_LETTER_HEADERS.replays]) ?? '';
  return ['due', source, id, breadCrumbs.attempt, replays].join('\0');
}

/** What is malformed identifies nothing; it is dealt with where it is handled. */
function unlessMalformed<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
