import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { answer } from './child.process.js';
import { nestKafka } from './nest.kafka.js';
import { OrderCheck, type Work } from './order.check.js';
import { processUse } from './process.use.js';

const check = new OrderCheck();

function application(topic: string) {
  @Controller()
  class Working {
    @MessagePattern(topic)
    work(@Payload() data: Work): Promise<unknown> {
      return check.handle(data);
    }
  }

  @Module({ controllers: [Working] })
  class WorkingModule {}
  return WorkingModule;
}

const answers = {
  ...processUse,

  /** Starts a service on Nest's ServerKafka. Its group may still have to form. */
  async start(brokers: readonly string[], topic: string, partitions: number): Promise<void> {
    const app = await NestFactory.createMicroservice(application(topic), {
      ...nestKafka(brokers, topic, partitions),
      logger: ['fatal'],
    });
    await app.listen();
  },

  until: (count: number): Promise<number> => check.until(count),
};

export type NestHandlers = typeof answers;

answer(answers);
