// A gateway or a service in a process of its own, which can be killed at any moment. Plain JavaScript: it runs what was built.
import 'reflect-metadata';
import { setTimeout as pause } from 'node:timers/promises';
import { Controller, Get, Module, ServiceUnavailableException } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { IsInt } from 'class-validator';
import { CommandAddress, CommandHandler, KafkaSocketHealth, KafkaSocketModule } from 'nestjs-kafka-socket';

const { ROLE, PORT, TOPIC, KAFKA_BROKERS, REDIS_PORT } = process.env;

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

class Health {
  constructor(health) {
    this.health = health;
  }

  get() {
    const report = this.health.check();
    if (!report.ready) throw new ServiceUnavailableException(report);
    return report;
  }
}
Reflect.defineMetadata('design:paramtypes', [KafkaSocketHealth], Health);
Controller('health')(Health);
decorate(Health, 'get', Get());

class Member {}
Module({
  imports: [
    KafkaSocketModule.forRoot({
      service: `${TOPIC}-service`,
      kafka: { brokers: KAFKA_BROKERS.split(','), createTopics: { partitions: 6, replicationFactor: 1 } },
      redis: { host: '127.0.0.1', port: Number(REDIS_PORT) },
      handlers: { concurrency: 800, window: 31_000 },
      ...(ROLE === 'gateway' && { gateway: { topics: [TOPIC], ttl: { maximum: 30_000 }, limits: { rate: 10_000 } } }),
    }),
  ],
  controllers: [Health],
  providers: ROLE === 'service' ? [Racer] : [],
})(Member);

const app = await NestFactory.create(Member, { logger: ['error', 'warn', 'fatal'] });
app.enableShutdownHooks();
app.useWebSocketAdapter(new WsAdapter(app));
await app.listen(Number(PORT), '127.0.0.1');

function decorate(type, method, decorator) {
  decorator(type.prototype, method, Object.getOwnPropertyDescriptor(type.prototype, method));
}
