// What members of tests have in common that are applications in processes of their own. Plain JavaScript: they run what was built.
import 'reflect-metadata';
import { Controller, Get, Module, ServiceUnavailableException } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { KafkaSocketHealth } from 'nestjs-kafka-socket';

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

/** Starts an application, which says at `/health` whether it is ready, on this process's `PORT`. */
export async function serve(imports, providers, controllers = []) {
  class Member {}
  Module({ imports, controllers: [Health, ...controllers], providers })(Member);
  const app = await NestFactory.create(Member, { logger: ['error', 'warn', 'fatal'] });
  app.enableShutdownHooks();
  app.useWebSocketAdapter(new WsAdapter(app));
  await app.listen(Number(process.env.PORT), '127.0.0.1');
}

/** Puts a decorator of methods where it would stand in TypeScript. */
export function decorate(type, method, decorator) {
  decorator(type.prototype, method, Object.getOwnPropertyDescriptor(type.prototype, method));
}
