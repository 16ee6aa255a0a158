import { type DynamicModule, Module } from '@nestjs/common';
import { KafkaSocketModule, type KafkaSocketModuleOptions } from 'nestjs-kafka-socket';
import { Bank } from './bank.js';
import { Payments } from './payments.js';

/**
 * The service `payment`, with a consumer group of its own. It shares the process with the auction to spare you a terminal, and
 * nothing else but Kafka.
 */
@Module({})
export class PaymentModule {
  static forRoot(connections: Omit<KafkaSocketModuleOptions, 'service'>): DynamicModule {
    const kafka = KafkaSocketModule.forRoot({
      ...connections,
      service: 'payment',
      handlers: { include: [PaymentModule] },
      isGlobal: false,
    });
    return { module: PaymentModule, imports: [kafka], providers: [Bank, Payments] };
  }
}
