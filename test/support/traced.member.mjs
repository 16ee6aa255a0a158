// A gateway or a service in a process of its own, traced by an SDK that exports by OTLP. Plain JavaScript: it runs what was built.
import 'reflect-metadata';
import { Controller, Get, Module, ServiceUnavailableException } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import {
  CommandAddress,
  CommandHandler,
  EventEntity,
  EventHandler,
  EventPublisher,
  KafkaSocketHealth,
  KafkaSocketModule,
} from 'nestjs-kafka-socket';

const { ROLE, PORT, TOPIC, KAFKA_BROKERS, REDIS_URL, OTLP_URL } = process.env;

const spanProcessors = [new SimpleSpanProcessor(new OTLPTraceExporter({ url: OTLP_URL }))];
new NodeTracerProvider({ resource: resourceFromAttributes({ 'service.name': ROLE }), spanProcessors }).register();

class Place {}
CommandAddress(TOPIC, 'Place')(Place);
class Order {}
EventEntity(TOPIC, 'Order')(Order);

class Orders {
  place() {
    return { placed: true };
  }

  onPlaced() {}
}
decorate(Orders, 'place', CommandHandler(Place));
decorate(Orders, 'place', EventPublisher(Order, 'Placed'));
decorate(Orders, 'onPlaced', EventHandler(Order, 'Placed'));

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

const redis = new URL(REDIS_URL);

class Member {}
Module({
  imports: [
    KafkaSocketModule.forRoot({
      service: `${TOPIC}-service`,
      kafka: { brokers: KAFKA_BROKERS.split(','), createTopics: { partitions: 1, replicationFactor: 1 } },
      redis: { host: redis.hostname, port: Number(redis.port), prefix: TOPIC },
      ...(ROLE === 'gateway' && { gateway: { topics: [TOPIC] } }),
    }),
  ],
  controllers: [Health],
  providers: ROLE === 'service' ? [Orders] : [],
})(Member);

const app = await NestFactory.create(Member, { logger: ['error', 'warn', 'fatal'] });
app.enableShutdownHooks();
app.useWebSocketAdapter(new WsAdapter(app));
await app.listen(Number(PORT), '127.0.0.1');

function decorate(type, method, decorator) {
  decorator(type.prototype, method, Object.getOwnPropertyDescriptor(type.prototype, method));
}
