// A service in a process of its own, which can be killed at any moment, and which writes down each call of its handlers before anything
// else. Plain JavaScript: it runs what was built.
import 'reflect-metadata';
import { appendFileSync } from 'node:fs';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CommandAddress, CommandHandler, KafkaSocketHealth, KafkaSocketModule, Retry } from 'nestjs-kafka-socket';

const { TOPIC, CALLS, KAFKA_BROKERS, PAUSE } = process.env;
const backoff = { first: Number(PAUSE), factor: 1, jitter: 0 };

/** Commands of a name, which fail at their first attempts: so many of them as they say. */
class Worker {
  static handles(name, retry) {
    class Work {}
    CommandAddress(TOPIC, name)(Work);
    Worker.prototype[name] = ({ data: { n, failures } }, { attempt }) => {
      appendFileSync(CALLS, `${name} ${n} ${attempt} ${Date.now()}\n`);
      if (attempt <= failures) throw new Error('not yet');
      return { n, attempt };
    };
    decorate(name, CommandHandler(Work));
    if (retry) decorate(name, Retry(retry));
  }
}

function decorate(method, decorator) {
  const { value } = Object.getOwnPropertyDescriptor(Worker.prototype, method);
  decorator(Worker.prototype, method, { value });
}

Worker.handles('InOrder', { attempts: 6, backoff, order: 'in-order' });
Worker.handles('OutOfOrder', { attempts: 6, backoff, order: 'out-of-order' });
Worker.handles('Other');

class Member {}
Module({
  imports: [
    KafkaSocketModule.forRoot({
      service: `${TOPIC}-service`,
      kafka: {
        brokers: KAFKA_BROKERS.split(','),
        createTopics: { partitions: 1, replicationFactor: 1 },
        sessionTimeout: 6_000,
      },
    }),
  ],
  providers: [Worker],
})(Member);

const app = await NestFactory.createApplicationContext(Member, { logger: ['error', 'warn', 'fatal'] });
const health = app.get(KafkaSocketHealth);
while (!health.check().ready) await new Promise((resolve) => setTimeout(resolve, 10));
appendFileSync(CALLS, `ready ${process.pid} 0 ${Date.now()}\n`);
