import { messageOf } from '../kafka-socket.error.js';
import type { DeadLetterBox, ReplayOptions } from '../dead-letters/dead-letter.box.js';
import { DeadLetterNotNotedError } from '../dead-letters/dead-letter.errors.js';
import type { DeadLetter } from '../dead-letters/dead-letter.js';
import { lineOf } from './dead-letter.lines.js';

/** Letters that are on their way back at the same time. */
const TOGETHER = 100;

/** Takes a line of output. */
export type Say = (line: string) => void;

/** Sends letters back, many keys side by side, those of one key one after the other: after one that fails the key waits. */
export class DeadLetterRun {
  private readonly failedKeys = new Set<string>();
  private replayed = 0;
  private failed = 0;

  constructor(
    private readonly box: DeadLetterBox,
    private readonly options: ReplayOptions,
    /** Whether it is only said what would be done. */
    private readonly dry: boolean,
    private readonly say: Say,
  ) {}

  /** @returns the exit code: 1 where a letter was not sent back, or that could not be noted */
  async run(letters: AsyncIterable<DeadLetter> | Iterable<DeadLetter>): Promise<number> {
    let underWay = new Map<string, Promise<void>>();
    let count = 0;
    for await (const letter of letters) {
      const key = keyOf(letter);
      const before = underWay.get(key) ?? Promise.resolve();
      underWay.set(
        key,
        before.then(() => this.send(letter, key)),
      );
      if (++count % TOGETHER > 0) continue;
      await Promise.all(underWay.values());
      underWay = new Map();
    }
    await Promise.all(underWay.values());
    const { replayed, failed, dry } = this;
    this.say(`${replayed} ${dry ? 'would be replayed' : 'replayed'}${failed > 0 ? `, ${failed} failed` : ''}`);
    return failed > 0 ? 1 : 0;
  }

  /** Never rejects. */
  private async send(letter: DeadLetter, key: string): Promise<void> {
    if (this.dry) this.say(lineOf(letter));
    try {
      if (this.failedKeys.has(key)) throw new Error('an earlier one of its key failed');
      if (!this.dry) await this.box.replay(letter, this.options);
      this.replayed++;
    } catch (error) {
      this.failed++;
      const isBack = error instanceof DeadLetterNotNotedError;
      if (!isBack) this.failedKeys.add(key);
      this.say(`${isBack ? 'replayed, but not noted' : 'not replayed'}: ${lineOf(letter)}: ${messageOf(error)}`);
    }
  }
}

/** Letters without a key are in no order. */
function keyOf({ at, record }: DeadLetter): string {
  return record.key === null ? `${at.partition}/${at.offset}` : `${at.partition} ${record.key.toString('base64')}`;
}
