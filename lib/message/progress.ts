import type { BreadCrumbs } from './bread-crumbs.js';
import { encodeBreadCrumbs } from './bread-crumbs.codec.js';
import { messageId } from './message.id.js';
import type { PlatformMessage } from './platform-message.js';
import { headerText } from './record.headers.js';
import type { LogRecord, OutgoingRecord, RecordHeaders } from './record.js';

/** How far a request is that has not ended: an attempt failed, and another one comes. */
export interface Progress {
  /** The attempt that has failed, from 1. */
  readonly attempt: number;
  /** How many there are at most. */
  readonly attempts: number;
  /** Milliseconds from when this was written until the next one may begin. */
  readonly next: number;
}

/** The crumb of a command whose client wants to be told; it travels on like any other. */
const CRUMB = 'progress';
const TYPE = /^progress\.[A-Za-z0-9_-]{1,249}$/;
/** Bytes that one may have at most; a longer one is somebody else's. */
const LONGEST = 256;

/** The crumbs of a command whose client wants to be told of its progress. */
export function askingProgress(): Pick<BreadCrumbs, 'others'> {
  return { others: { [CRUMB]: '1' } };
}

export function wantsProgress({ others }: BreadCrumbs): boolean {
  return others?.[CRUMB] === '1';
}

/**
 * The record that tells it: next to where the outcome will stand, as `progress.<Command>`. That is no type of a message, so whoever
 * does not know it, of this version or another, passes it by.
 */
export function progressRecord(
  command: Pick<PlatformMessage, 'id' | 'breadCrumbs'>,
  source: string,
  name: string,
  progress: Progress,
): OutgoingRecord {
  const { reply, sessionId } = command.breadCrumbs;
  const crumbs = { ...command.breadCrumbs, causationId: command.id };
  return {
    ...reply!,
    key: sessionId ?? null,
    value: JSON.stringify(progress),
    headers: {
      ce_specversion: '1.0',
      ce_id: messageId(),
      ce_source: source,
      ce_type: `progress.${name}`,
      'content-type': 'application/json',
      ce_breadcrumbs: encodeBreadCrumbs(crumbs),
    },
  };
}

/** Whether a record tells of progress, by its headers alone. */
export function isProgress(headers: RecordHeaders): boolean {
  return TYPE.test(headerText(headers['ce_type']) ?? '');
}

/** What it says; undefined where it says nothing that can be told on, since anyone may write into a topic. */
export function progressIn({ value }: Pick<LogRecord, 'value'>): Progress | undefined {
  if (value === null || value.length > LONGEST) return undefined;
  try {
    const { attempt, attempts, next } = JSON.parse(value.toString()) as Partial<Record<string, unknown>>;
    return isCount(attempt) && isCount(attempts) && isCount(next) ? { attempt, attempts, next } : undefined;
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
