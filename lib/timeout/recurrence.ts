import { createRequire } from 'node:module';
import { messageOf } from '../kafka-socket.error.js';
import { DelayRefusedError } from './timeout.errors.js';

/** When something comes again and again. */
export type Recurrence =
  | {
      /**
       * Pause between two times, in milliseconds, at least 1,000; counted from the epoch, so that whoever asks, and whenever, means
       * the same times: every 3,600,000 is at each full hour.
       */
      readonly every: number;
    }
  | {
      /** A cron expression, such as `0 3 * * *`; with seconds as a sixth field in front. */
      readonly cron: string;
      /** The time zone that it means, such as `Europe/Berlin`. @default that of the process */
      readonly tz?: string;
    };

const SHORTEST = 1_000;
/** The last moment that a `Date` can hold, in milliseconds since the epoch. */
export const LAST_MOMENT = 8.64e15;

/** The parser of cron expressions that Bull brings, as far as it is used here. */
interface CronParser {
  parseExpression(cron: string, options: { currentDate: Date; tz?: string }): { next(): { getTime(): number } };
}

/**
 * The first time after `after`, in milliseconds since the epoch.
 * @throws {DelayRefusedError} `delay_refused`: it is none, or never comes
 */
export function nextTime(repeat: Recurrence, after: number): number {
  return 'every' in repeat ? nextMultiple(repeat.every, after) : nextOfCron(repeat, after);
}

function nextMultiple(every: number, after: number): number {
  const next = (Math.floor(after / every) + 1) * every;
  if (Number.isSafeInteger(every) && every >= SHORTEST && next <= LAST_MOMENT) return next;
  throw new DelayRefusedError(
    `"every" is ${String(every)}; it is a whole number of milliseconds, ${SHORTEST} at least, after which there still are dates.`,
  );
}

function nextOfCron({ cron, tz }: Extract<Recurrence, { cron: string }>, after: number): number {
  // The parser makes up what is missing: of an empty text, such as an unset variable, each minute.
  if (typeof cron !== 'string' || !/^\s*(@\w+|\S+(\s+\S+){4,5})\s*$/.test(cron))
    throw new DelayRefusedError(`"${cron}" is no cron expression: it has not five fields, or six.`);
  try {
    return cronParser()
      .parseExpression(cron, { currentDate: new Date(after), tz })
      .next()
      .getTime();
  } catch (cause) {
    throw new DelayRefusedError(`"${cron}" is no cron expression that comes again: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** Bull's own, found from where Bull stands: one meaning of an expression, and no dependency of ours. Loaded where it is used. */
function cronParser(): CronParser {
  const bull = createRequire(import.meta.url).resolve('bull');
  return createRequire(bull)('cron-parser') as CronParser;
}
