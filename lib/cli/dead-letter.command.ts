import { messageOf } from '../kafka-socket.error.js';
import type { DeadLetter } from '../dead-letters/dead-letter.js';
import { DeadLetterBox, type DeadLetterFilter, type ReplayOptions } from '../dead-letters/dead-letter.box.js';
import { KafkaMessageLog } from '../log/kafka/kafka.message.log.js';
import { type DeadLetterArguments, readArguments } from './dead-letter.arguments.js';
import { lineOf, objectOf, wholeOf } from './dead-letter.lines.js';
import { UsageError } from './usage.error.js';

/** Letters that are on their way back at the same time. */
const TOGETHER = 100;

type Say = (line: string) => void;

/**
 * `dlq list | show | replay`.
 * @returns the exit code: 0, or 1 where a letter could not be sent back
 * @throws {UsageError} the arguments do not say what is to be done
 * @throws {MissingTopicsError} `topics_missing`: nothing of the topic was ever given up
 * @throws {LogUnavailableError} `log_unavailable`
 */
export async function deadLetterCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  say: Say,
): Promise<number> {
  const asked = readArguments(args, environment);
  const log = new KafkaMessageLog(asked.kafka);
  try {
    await log.connect();
    return await verbs[asked.verb](new DeadLetterBox(log), asked, say);
  } finally {
    await log.close();
  }
}

const verbs: Record<
  DeadLetterArguments['verb'],
  (box: DeadLetterBox, asked: DeadLetterArguments, say: Say) => Promise<number>
> = {
  async list(box, { topic, filter, json }, say) {
    let count = 0;
    for await (const letter of box.list(topic, filter)) {
      count++;
      say(json ? JSON.stringify(objectOf(letter)) : lineOf(letter));
    }
    if (!json) say(`${count} dead letters of "${topic}"`);
    return 0;
  },

  async show(box, { topic, places }, say) {
    const [letter] = await chosen(box, topic, { replayed: true }, places);
    say(wholeOf(letter!));
    return 0;
  },

  async replay(box, { topic, filter, places, replay, dryRun }, say) {
    if (places.length > 0) return replayAll(box, await chosen(box, topic, filter, places), replay, dryRun, say);
    return replayAll(box, box.list(topic, filter), replay, dryRun, say);
  },
};

/** @throws {UsageError} one of the places holds no dead letter that matches */
async function chosen(
  box: DeadLetterBox,
  topic: string,
  filter: DeadLetterFilter,
  places: readonly string[],
): Promise<DeadLetter[]> {
  const wanted = new Set(places);
  const found: DeadLetter[] = [];
  for await (const letter of box.list(topic, filter)) {
    if (wanted.delete(`${letter.at.partition}/${letter.at.offset}`)) found.push(letter);
  }
  if (wanted.size === 0) return found;
  throw new UsageError(
    `There is no dead letter of "${topic}" at ${[...wanted].join(', ')} that matches and was not replayed. ` +
      'Places are those of the dead-letter topic, as `dlq list` names them.',
  );
}

/** In order, some at a time: records of one key are written in the order in which they were given up. */
async function replayAll(
  box: DeadLetterBox,
  letters: AsyncIterable<DeadLetter> | Iterable<DeadLetter>,
  options: ReplayOptions,
  dryRun: boolean,
  say: Say,
): Promise<number> {
  let replayed = 0;
  let failed = 0;
  const send = async (letter: DeadLetter): Promise<void> => {
    try {
      if (!dryRun) await box.replay(letter, options);
      replayed++;
    } catch (error) {
      failed++;
      say(`not replayed: ${lineOf(letter)}: ${messageOf(error)}`);
    }
  };
  let together: Promise<void>[] = [];
  for await (const letter of letters) {
    if (dryRun) say(lineOf(letter));
    if (together.push(send(letter)) < TOGETHER) continue;
    await Promise.all(together);
    together = [];
  }
  await Promise.all(together);
  say(`${replayed} ${dryRun ? 'would be replayed' : 'replayed'}${failed > 0 ? `, ${failed} not replayed` : ''}`);
  return failed > 0 ? 1 : 0;
}
