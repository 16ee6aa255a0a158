import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { DeadLetterFilter, ReplayOptions } from '../dead-letters/dead-letter.box.js';
import { KafkaOptions } from '../log/log.options.js';
import { UsageError } from './usage.error.js';

const VERBS = ['list', 'show', 'replay'] as const;

/** What the command line asks for. */
export interface DeadLetterArguments {
  readonly verb: (typeof VERBS)[number];
  /** Where the letters came from. */
  readonly topic: string;
  /** `partition/offset` in the dead-letter topic. */
  readonly places: readonly string[];
  readonly filter: DeadLetterFilter;
  readonly replay: ReplayOptions;
  readonly json: boolean;
  readonly dryRun: boolean;
  readonly kafka: KafkaOptions;
}

/** @throws {UsageError} what is missing, or is nothing that can be meant */
export function readArguments(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): DeadLetterArguments {
  const { values, positionals } = parse(args);
  const [verb, topic, ...places] = positionals;
  if (!isVerb(verb)) throw new UsageError(`Say what is to be done: dlq ${VERBS.join(' | ')}.`);
  if (topic === undefined) throw new UsageError('Name the topic that the letters came from.');
  if (verb === 'show' && places.length !== 1) throw new UsageError('Name one letter, as partition/offset.');
  if (verb === 'list' && places.length > 0)
    throw new UsageError('`dlq list` names a topic only; `dlq show` shows one letter.');
  if (verb === 'replay' && values.replayed)
    throw new UsageError('What was replayed is not replayed again: --replayed is for list and show.');
  const wrong = places.find((place) => !/^\d+\/\d+$/.test(place));
  if (wrong !== undefined) throw new UsageError(`"${wrong}" is no partition/offset, such as 2/117.`);
  return {
    verb,
    topic,
    places,
    filter: {
      ...(values.reason !== undefined && { reasons: listOf(values.reason) }),
      ...(values.type !== undefined && { types: listOf(values.type) }),
      ...(values.since !== undefined && { since: timeOf(values.since) }),
      replayed: values.replayed,
    },
    replay: {
      ...(values.ttl !== undefined && { ttl: numberOf('ttl', values.ttl) }),
      ...(values['max-replays'] !== undefined && { maxReplays: numberOf('max-replays', values['max-replays']) }),
    },
    json: values.json,
    dryRun: values['dry-run'],
    kafka: kafkaOf(values.brokers ?? environment['KAFKA_BROKERS'], values.kafka),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        brokers: { type: 'string' },
        kafka: { type: 'string' },
        reason: { type: 'string' },
        type: { type: 'string' },
        since: { type: 'string' },
        ttl: { type: 'string' },
        'max-replays': { type: 'string' },
        replayed: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        'dry-run': { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function isVerb(verb: string | undefined): verb is DeadLetterArguments['verb'] {
  return VERBS.some((one) => one === verb);
}

function listOf(text: string): string[] {
  return text.split(',').map((one) => one.trim());
}

function timeOf(text: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new UsageError(`--since "${text}" is no time, such as 2026-01-31T12:00Z.`);
  return time;
}

function numberOf(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new UsageError(`--${name} "${text}" is no whole number above 0.`);
  return number;
}

/** It looks and sends back; topics that are missing are missing. */
function kafkaOf(brokers: string | undefined, file: string | undefined): KafkaOptions {
  if (brokers === undefined) throw new UsageError('Say where Kafka is: --brokers host:9092, or KAFKA_BROKERS.');
  const further = file === undefined ? {} : optionsIn(file);
  return Object.assign(new KafkaOptions(), further, {
    brokers: listOf(brokers),
    clientId: 'nestjs-kafka-socket-cli',
    createTopics: false,
  });
}

function optionsIn(file: string): object {
  try {
    const options: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof options === 'object' && options !== null) return options;
  } catch {
    // told below: what is wrong with it may quote a password
  }
  throw new UsageError(`--kafka "${file}" cannot be read as a JSON object.`);
}
