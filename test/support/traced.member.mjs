// A gateway or a service in a process of its own, traced by an SDK that exports by OTLP. Plain JavaScript: it runs what was built.
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import {
  CommandAddress,
  CommandHandler,
  EventEntity,
  EventHandler,
  EventPublisher,
  KafkaSocketModule,
} from 'nestjs-kafka-socket';
import { decorate, serve } from './member.application.mjs';

const { ROLE, TOPIC, KAFKA_BROKERS, REDIS_URL, OTLP_URL } = process.env;

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

const redis = new URL(REDIS_URL);

const member = KafkaSocketModule.forRoot({
  service: `${TOPIC}-service`,
  kafka: { brokers: KAFKA_BROKERS.split(','), createTopics: { partitions: 1, replicationFactor: 1 } },
  redis: { host: redis.hostname, port: Number(redis.port), prefix: TOPIC },
  ...(ROLE === 'gateway' && { gateway: { topics: [TOPIC] } }),
});

await serve([member], ROLE === 'service' ? [Orders] : []);
