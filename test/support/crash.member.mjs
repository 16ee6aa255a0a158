// A gateway or a service in a process of its own, which can be killed at any moment. Plain JavaScript: it runs what was built.
import { setTimeout as pause } from 'node:timers/promises';
import { IsInt } from 'class-validator';
import { CommandAddress, CommandHandler, KafkaSocketModule } from 'nestjs-kafka-socket';
import { decorate, serve } from './member.application.mjs';

const { ROLE, TOPIC, KAFKA_BROKERS, REDIS_PORT } = process.env;

/** Takes so many milliseconds, whether or not somebody still waits. */
class Race {}
IsInt()(Race.prototype, 'ms');
IsInt()(Race.prototype, 'n');
CommandAddress(TOPIC, 'Race')(Race);

class Racer {
  async race({ data: { ms, n } }) {
    await pause(ms);
    return { n };
  }
}
decorate(Racer, 'race', CommandHandler(Race));

const member = KafkaSocketModule.forRoot({
  service: `${TOPIC}-service`,
  kafka: { brokers: KAFKA_BROKERS.split(','), createTopics: { partitions: 6, replicationFactor: 1 } },
  redis: { host: '127.0.0.1', port: Number(REDIS_PORT) },
  handlers: { concurrency: 800, window: 31_000 },
  ...(ROLE === 'gateway' && { gateway: { topics: [TOPIC], ttl: { maximum: 30_000 }, limits: { rate: 10_000 } } }),
});

await serve([member], ROLE === 'service' ? [Racer] : []);
