import type { DeadLetter } from '../dead-letters/dead-letter.js';
import { DeadLetterBox, type DeadLetterFilter } from '../dead-letters/dead-letter.box.js';
import { KafkaMessageLog } from '../log/kafka/kafka.message.log.js';
import { type DeadLetterArguments, readArguments } from './dead-letter.arguments.js';
import { jsonOf, lineOf, wholeOf } from './dead-letter.lines.js';
import { DeadLetterRun, type Say } from './dead-letter.run.js';
import { UsageError } from './usage.error.js';

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
      say(json ? jsonOf(letter) : lineOf(letter));
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
    const going = new DeadLetterRun(box, replay, dryRun, say);
    if (places.length > 0) return going.run(await chosen(box, topic, filter, places));
    return going.run(filter.reasons ? box.list(topic, filter) : mended(box.list(topic, filter), say));
  },
};

/** What was carried out, and only could not be told, is carried out again only where somebody asks for just that. */
async function* mended(letters: AsyncIterable<DeadLetter>, say: Say): AsyncIterable<DeadLetter> {
  let left = 0;
  for await (const letter of letters) {
    if (letter.reason === 'undeliverable') left++;
    else yield letter;
  }
  if (left > 0) say(`${left} undeliverable left out: they were carried out. --reason undeliverable would do so again.`);
}

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
