import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { type Command, type CommandContext, CommandHandler, CommandRejectedError } from 'nestjs-kafka-socket';
import { Work } from './work.command.js';

/** Works as long as it is told to, and not a moment longer than somebody waits for it. */
@Injectable()
export class Worker {
  @CommandHandler(Work)
  async work({ data: { ms, fail, value } }: Command<Work>, { signal }: CommandContext): Promise<{ value: unknown }> {
    await pause(ms, undefined, { signal });
    if (fail === 'reject') throw new CommandRejectedError('WORK_REJECTED', 'The work was to be rejected.');
    if (fail === 'throw') throw new Error('The work was to fail.');
    return { value };
  }
}
