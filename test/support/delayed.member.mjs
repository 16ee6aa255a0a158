// A service in a process of its own, which can be killed at any moment. Plain JavaScript: it runs what was built.
import { IsInt } from 'class-validator';
import { Redis } from 'ioredis';
import { CommandAddress, CommandHandler, KafkaSocketModule } from 'nestjs-kafka-socket';
import { decorate, serve } from './member.application.mjs';

const { TOPIC, KAFKA_BROKERS, REDIS_PORT } = process.env;

/** Keeps effect and completion in one step, as a transaction does: which command it was, and how late by Redis's own clock. */
const COMMIT = `
local known = redis.call('GET', KEYS[1])
if known then return known end
redis.call('SET', KEYS[1], ARGV[1])
local time = redis.call('TIME')
redis.call('RPUSH', KEYS[2], ARGV[2] .. ' ' .. (time[1] * 1000 + time[2] / 1000 - ARGV[3]))
return ARGV[1]`;

const redis = new Redis({ host: '127.0.0.1', port: Number(REDIS_PORT), maxRetriesPerRequest: null });
redis.on('error', () => undefined);

class Effects {
  async run({ key, message }, handle) {
    const known = await redis.get(`done:${key}`);
    if (known) return JSON.parse(known);
    const completion = await handle();
    const values = [JSON.stringify(completion), completion.outcome.value, message.breadCrumbs.due];
    return JSON.parse(await redis.eval(COMMIT, 2, `done:${key}`, 'effects', ...values));
  }
}

class Close {}
IsInt()(Close.prototype, 'n');
CommandAddress(TOPIC, 'Close')(Close);

class Closing {
  async close({ data: { n } }) {
    await redis.incr('calls');
    return n;
  }
}
decorate(Closing, 'close', CommandHandler(Close));

const member = KafkaSocketModule.forRoot({
  service: TOPIC,
  kafka: { brokers: KAFKA_BROKERS.split(','), createTopics: { partitions: 6, replicationFactor: 1 } },
  redis: { host: '127.0.0.1', port: Number(REDIS_PORT) },
  handlers: { inbox: { store: new Effects() } },
});

await serve([member], [Closing]);
process.once('SIGTERM', () => setTimeout(() => process.exit(), 15_000).unref());
