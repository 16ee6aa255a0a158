import { randomUUID } from 'node:crypto';
import type { KafkaSocketModuleOptions } from '../../lib/index.js';

/** The README's example, a gateway only: Kafka, Redis, and every limit as it is by default, but for those that a case names. */
export function gatewayOptions(
  { brokers, redisUrl }: { brokers: readonly string[]; redisUrl: string },
  topics: readonly string[],
  limits: NonNullable<KafkaSocketModuleOptions['gateway']>['limits'] = {},
): KafkaSocketModuleOptions {
  const { hostname, port, username, password } = new URL(redisUrl);
  return {
    service: 'bench',
    kafka: { brokers: [...brokers] },
    redis: {
      host: hostname,
      port: Number(port || 6379),
      username: username || undefined,
      password: password || undefined,
      prefix: `bench-${randomUUID()}`,
    },
    gateway: { topics: [...topics], broadcast: { 'Bid.*': 'data' }, limits },
  };
}
