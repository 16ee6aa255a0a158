import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { type Command, type CommandContext, CommandHandler, CommandRejectedError, Retry } from 'nestjs-kafka-socket';
import { Work } from './work.command.js';

/** How often flaky work fails. */
const FAILURES = 3;

/** What may be better the next time. */
class FlakyError extends Error {}

/** Works as long as it is told to, and not a moment longer than somebody waits for it. */
@Injectable()
export class Worker {
  @CommandHandler(Work)
  @Retry({ attempts: FAILURES + 2, backoff: { first: 100 }, on: (error) => error instanceof FlakyError })
  async work({ data }: Command<Work>, { attempt, signal }: CommandContext): Promise<{ value: unknown }> {
    const { ms, fail, value } = data;
    if (fail === 'flaky' && attempt <= FAILURES) throw new FlakyError('The work was to fail this time.');
    await pause(ms, undefined, { signal });
    if (fail === 'reject') throw new CommandRejectedError('WORK_REJECTED', 'The work was to be rejected.');
    if (fail === 'throw') throw new Error('The work was to fail.');
    return { value };
  }
}
