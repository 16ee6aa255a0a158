import { KafkaSocketError, messageOf } from '../../kafka-socket.error.js';
import { LogUnavailableError } from '../log.errors.js';
import type { TopicPartition } from '../partition.dealer.js';

/** What kafkajs threw, without the wrappers of its retries. */
export function rootOf(error: unknown): unknown {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error ? rootOf(cause) : error;
}

/** The protocol's name of an error, such as `MESSAGE_TOO_LARGE`; undefined where it came from no broker. */
export function typeOf(error: unknown): string | undefined {
  const root = rootOf(error) as { type?: unknown };
  return typeof root?.type === 'string' ? root.type : undefined;
}

/** Whether the protocol says of an error that it may pass. */
export function isRetriable(error: unknown): boolean {
  return (rootOf(error) as { retriable?: unknown }).retriable === true;
}

/** Whether a topic, or a partition of it, is not there, as far as the broker that was asked knows. */
export function isMissingTopic(error: unknown): boolean {
  return typeOf(error) === 'UNKNOWN_TOPIC_OR_PARTITION';
}

/** What went wrong, for a log: the protocol's name of it, where it has one, and the message. */
export function reasonOf(error: unknown): string {
  return [typeOf(error), messageOf(rootOf(error))].filter(Boolean).join(': ');
}

/** Nobody answered, and why; what is an error of ours already stays as it is. */
export function unavailable(doing: string, brokers: readonly string[], error: unknown): KafkaSocketError {
  if (error instanceof KafkaSocketError) return error;
  return new LogUnavailableError(
    `Kafka at ${brokers.join(', ')} is not available for ${doing}: ${reasonOf(error)}. Check kafka.brokers, and that the brokers are up.`,
    false,
    { cause: error },
  );
}

/** The partition of which a broker says that it does not hold the offset that was asked for. */
export function outOfRange(error: unknown): TopicPartition | undefined {
  const { name, topic, partition } = rootOf(error) as { name?: string; topic?: string; partition?: number };
  return name === 'KafkaJSOffsetOutOfRange' && topic !== undefined && partition !== undefined
    ? { topic, partition }
    : undefined;
}
