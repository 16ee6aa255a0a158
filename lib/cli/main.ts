#!/usr/bin/env node
import { messageOf } from '../kafka-socket.error.js';
import { deadLetterCommand } from './dead-letter.command.js';
import { UsageError } from './usage.error.js';

const USAGE = `nestjs-kafka-socket dlq list <topic>                     the dead letters of a topic, a line each
nestjs-kafka-socket dlq show <topic> <partition>/<offset> one of them, whole
nestjs-kafka-socket dlq replay <topic> [<partition>/<offset>…]  sends them back: those that are named, or all that match

  --brokers host:9092,…   where Kafka is; by default KAFKA_BROKERS
  --kafka file.json       further options of the connection, as of forRoot's "kafka": ssl, sasl …
  --reason expired,failed only letters given up for these reasons: expired, undecodable, invalid, failed, timeout
  --type command.PlaceBid only records of these types
  --since 2026-01-31T12:00Z  only letters given up since then
  --replayed              also those that were replayed before (list, show)
  --json                  one JSON object a line (list)
  --ttl 300000            how long a replayed command may take, in milliseconds
  --max-replays 3         refuse letters that came back so often
  --dry-run               say what would be replayed, and replay nothing
`;

// `| head` reads no further, and that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

try {
  const [noun, ...rest] = process.argv.slice(2);
  if (noun === undefined || [noun, ...rest].some((word) => word === '--help' || word === '-h'))
    process.stdout.write(USAGE);
  else if (noun === 'dlq') process.exitCode = await deadLetterCommand(rest, process.env, (line) => console.log(line));
  else throw new UsageError(`"${noun}" is no command.`);
} catch (error) {
  console.error(error instanceof UsageError ? `${error.message}\n\n${USAGE}` : messageOf(error));
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
