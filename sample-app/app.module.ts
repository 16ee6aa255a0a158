import { type DynamicModule, Module } from '@nestjs/common';
import {
  type Authorize,
  KafkaSocketModule,
  type KafkaSocketModuleOptions,
  MemoryMessageLog,
} from 'nestjs-kafka-socket';
import type { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { AuctionModule } from './auction/auction.module.js';
import { OperationsModule } from './operations/operations.module.js';
import { PaymentModule } from './payment/payment.module.js';
import type { SampleSettings } from './sample.settings.js';
import { WorkModule } from './work/work.module.js';

/** What the services send to themselves, such as a `CloseLot` when it is time. */
const INTERNAL = new Set(['CloseLot']);

/** Everyone may ask for everything else: it is a sample, and nobody has to say who they are. */
const authorize: Authorize = (intent) => intent.action !== 'command' || !INTERNAL.has(intent.command);

const gateway: KafkaSocketModuleOptions['gateway'] = {
  path: '/socket',
  topics: ['auction'],
  broadcast: { 'Bid.*': 'data', 'Lot.*': 'data', 'Payment.*': 'data', 'Reserve.*': 'metadata' },
  authorize,
};

/** A gateway, the services behind it, or both: as the settings say. */
@Module({})
export class AppModule {
  static forRoot(settings: SampleSettings, exporter: PrometheusExporter): DynamicModule {
    const connections = connectionsOf(settings);
    const auction = KafkaSocketModule.forRoot({
      ...connections,
      service: 'auction',
      ...(settings.isGateway && { gateway }),
      handlers: { include: [AuctionModule, WorkModule] },
    });
    const services = settings.isService ? [AuctionModule, WorkModule, PaymentModule.forRoot(connections)] : [];
    return { module: AppModule, imports: [OperationsModule.forRoot(exporter), auction, ...services] };
  }
}

/** Without Kafka the services share one log in memory: two of them could not meet. */
function connectionsOf({ brokers, redis }: SampleSettings): Omit<KafkaSocketModuleOptions, 'service'> {
  return { ...(brokers ? { kafka: { brokers } } : { log: new MemoryMessageLog() }), ...(redis && { redis }) };
}
