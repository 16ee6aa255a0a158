import { Inject, Injectable } from '@nestjs/common';
import { messageOf } from '../kafka-socket.error.js';
import { MESSAGE_LOG } from '../log/log.constants.js';
import type { MessageLog, PartitionOffsets } from '../log/message.log.js';
import { DEAD_LETTER_SUFFIX } from '../message/dead-letter.headers.js';
import type { LogPosition } from '../message/record.js';
import { type DeadLetter, deadLetterOf, nameOf, notedIn, noteOf } from './dead-letter.js';
import { DeadLetterNotNotedError, DeadLetterRefusedError } from './dead-letter.errors.js';
import { replayOf } from './dead-letter.replay.js';

/** Which dead letters are meant. All of it may be left out: then all that were not replayed yet. */
export interface DeadLetterFilter {
  /** Such as `expired` and `failed`; see `DeadLetterReason`. */
  readonly reasons?: readonly string[];
  /** Such as `command.PlaceBid`. */
  readonly types?: readonly string[];
  /** Given up at or after this time, in milliseconds since the epoch. */
  readonly since?: number;
  /**
   * Also those that were replayed.
   * @default false
   */
  readonly replayed?: boolean;
}

/** How a dead letter goes back. */
export interface ReplayOptions {
  /**
   * How long a command may take from now on, in milliseconds; one that had no deadline gets none.
   * @default 300_000
   */
  readonly ttl?: number;
  /**
   * A letter that came back so often is refused, so that nothing goes round for ever.
   * @default 3
   */
  readonly maxReplays?: number;
}

/** The records that services gave up, to be looked at and sent back to where they came from. */
@Injectable()
export class DeadLetterBox {
  /** @internal Nest makes it. */
  constructor(@Inject(MESSAGE_LOG) private readonly log: MessageLog) {}

  /**
   * Reads the dead letters of a topic, partition by partition in the order in which they were given up, as far as there are any
   * now: what is given up meanwhile, for example because it was replayed and failed again, is not among them. A record that one
   * handler gave up twice, as happens after a crash, is one letter. Remembers about 100 bytes a letter of a partition meanwhile.
   * @param topic the topic that they came from
   * @throws {MissingTopicsError} `topics_missing`: nothing was ever given up
   * @throws {LogUnavailableError} `log_unavailable`
   */
  async *list(topic: string, filter: DeadLetterFilter = {}): AsyncIterable<DeadLetter> {
    const letters = topic + DEAD_LETTER_SUFFIX;
    for (const partition of await this.log.offsets(letters)) yield* this.listPartition(letters, partition, filter);
  }

  /**
   * Sends a dead letter back to its topic, with its key and value, a new deadline, and without anybody who waits for the outcome;
   * then notes that. A crash in between leaves a letter that looks as if it was not replayed: replayed again it has the same id,
   * and a handler whose inbox remembers it passes it by. An event goes only to the handler that gave it up.
   * @returns where it stands now
   * @throws {DeadLetterRefusedError} `dead_letter_refused`: it came back too often
   * @throws {DeadLetterNotNotedError} `dead_letter_not_noted`: it was sent back, and nothing says so
   * @throws {LogUnavailableError} `log_unavailable`
   */
  async replay(letter: DeadLetter, { ttl = 300_000, maxReplays = 3 }: ReplayOptions = {}): Promise<LogPosition> {
    const { topic, partition, offset } = letter.at;
    if (letter.replays >= maxReplays) {
      throw new DeadLetterRefusedError(
        `The dead letter ${topic}/${partition}/${offset} was replayed ${letter.replays} times and came back each time. ` +
          'Mend what makes it fail, then replay it with a higher maxReplays.',
      );
    }
    const at = await this.log.publish(replayOf(letter, Date.now() + ttl));
    try {
      await this.log.publish({ topic, partition, key: letter.record.key, value: '', headers: noteOf(letter) });
    } catch (cause) {
      throw new DeadLetterNotNotedError(
        `The dead letter ${topic}/${partition}/${offset} was sent back to ${at.topic}/${at.partition}/${at.offset}, but ${topic} takes no note of ` +
          `it (${messageOf(cause)}). Replayed again it would be there twice.`,
        { cause },
      );
    }
    return at;
  }

  private async *listPartition(
    topic: string,
    { partition, start, end }: PartitionOffsets,
    filter: DeadLetterFilter,
  ): AsyncIterable<DeadLetter> {
    const range = { topic, partition, from: start, to: end };
    const done = filter.replayed ? new Set<string>() : await this.replayed(range);
    for await (const { records } of this.log.read(range)) {
      for (const record of records) {
        const letter = deadLetterOf(record);
        if (!letter || !matches(letter, filter)) continue;
        const name = nameOf(letter);
        if (done.has(name)) continue;
        if (!filter.replayed) done.add(name);
        yield letter;
      }
    }
  }

  /** The notes stand behind the letters, so they are all read first. */
  private async replayed(range: Parameters<MessageLog['read']>[0]): Promise<Set<string>> {
    const names = new Set<string>();
    for await (const { records } of this.log.read(range)) {
      for (const record of records) {
        const name = notedIn(record);
        if (name !== undefined) names.add(name);
      }
    }
    return names;
  }
}

function matches({ reason, type, time }: DeadLetter, { reasons, types, since = 0 }: DeadLetterFilter): boolean {
  return (!reasons || reasons.includes(reason)) && (!types || types.includes(type)) && time >= since;
}
