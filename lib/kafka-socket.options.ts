import type { CanActivate } from '@nestjs/common';
import { GatewayOptions } from './gateway/gateway.options.js';
import { KafkaSocketError } from './kafka-socket.error.js';
import { KafkaOptions, MemoryLogOptions } from './log/log.options.js';
import type { MessageLog } from './log/message.log.js';
import { NAME, TOPIC_NAME } from './protocol/names.js';
import type { Given } from './options.merge.js';
import { mergeOptions } from './options.merge.js';
import type { Inbox } from './service/inbox/inbox.js';
import type { InboxOptions } from './service/inbox/inbox.options.js';
import { ServiceOptions } from './service/service.options.js';
import { MemoryTimeoutOptions, RedisOptions } from './timeout/timeout.options.js';
import { BAGGAGE_NAME } from './tracing/baggage.codec.js';

/** What a user writes: every option may be left out, and an `undefined` counts as left out. */
export interface KafkaSocketModuleOptions {
  /**
   * Names this service: its consumer group, and the source (`/<service>`) of what it publishes. All instances of a service share
   * it. Letters, digits, `_` and `-`.
   */
  service: string;
  /** The Kafka cluster. Left out: a log in the memory of this process, for development and tests. */
  kafka?: Given<KafkaOptions>;
  /** How the log in memory is made, where `kafka` is left out. */
  memory?: Given<MemoryLogOptions>;
  /** A log of your own, or one that several applications of a test share. Takes the place of `kafka` and `memory`. */
  log?: MessageLog;
  /** Where time-outs wait. Left out: in this process, where they end with it. */
  redis?: Given<RedisOptions>;
  /** How time-outs wait in this process, where `redis` is left out. */
  timeouts?: Given<MemoryTimeoutOptions>;
  /** Makes this application a gateway. Left out: it is a service only. */
  gateway?: Given<GatewayOptions>;
  /** How commands and events are handled here. */
  handlers?: Given<Omit<ServiceOptions, 'name' | 'inbox'>> & { readonly inbox?: Partial<InboxOptions> };
}

/** The same with all defaults filled in. */
export interface ResolvedOptions {
  readonly service: ServiceOptions;
  readonly kafka?: KafkaOptions;
  readonly memory: MemoryLogOptions;
  readonly log?: MessageLog;
  readonly redis?: RedisOptions;
  readonly timeouts: MemoryTimeoutOptions;
  readonly gateway?: GatewayOptions;
}

/** Options that cannot work. All that is wrong stands in one message; the application does not start. */
export class InvalidOptionsError extends KafkaSocketError {
  readonly code = 'options_invalid';
}

const KNOWN = ['service', 'kafka', 'memory', 'log', 'redis', 'timeouts', 'gateway', 'handlers'];

/** Clocks of several machines that nothing corrects are taken to lie this far apart at most, in milliseconds. */
const UNCORRECTED_CLOCK_SKEW = 1_000;

/**
 * Fills in the defaults and checks everything at once.
 * @throws {InvalidOptionsError} `options_invalid`: names each option, what is wrong with it, and what to do
 */
export function resolveOptions(given: KafkaSocketModuleOptions): ResolvedOptions {
  const problems: string[] = [];
  for (const key of Object.keys(given)) {
    if (!KNOWN.includes(key)) problems.push(`"${key}" is not an option. There are: ${KNOWN.join(', ')}.`);
  }
  const gateway = given.gateway && mergeOptions(new GatewayOptions(), given.gateway, 'gateway', problems);
  const timeouts = mergeOptions(defaultTimeouts(given), given.timeouts ?? {}, 'timeouts', problems);
  const service = mergeOptions<ServiceOptions>(new ServiceOptions(), given.handlers ?? {}, 'handlers', problems);
  service.name = given.service;
  if (gateway && given.handlers?.window === undefined) service.window = gateway.ttl.maximum + gateway.ttl.grace;
  if (given.handlers?.inbox?.window === undefined) service.inbox.window = service.window;
  const kafka = given.kafka && mergeOptions(new KafkaOptions(), given.kafka, 'kafka', problems);
  if (kafka) kafka.clientId ??= given.service;
  const resolved: ResolvedOptions = {
    service,
    memory: mergeOptions(new MemoryLogOptions(), given.memory ?? {}, 'memory', problems),
    timeouts,
    ...(kafka && { kafka }),
    ...(given.log && { log: given.log }),
    ...(given.redis && { redis: mergeOptions(new RedisOptions(), given.redis, 'redis', problems) }),
    ...(gateway && { gateway }),
  };
  check(resolved, given, problems);
  if (problems.length > 0) throw new InvalidOptionsError(`KafkaSocketModule cannot start:\n- ${problems.join('\n- ')}`);
  return resolved;
}

function defaultTimeouts({ kafka, log }: KafkaSocketModuleOptions): MemoryTimeoutOptions {
  const options = new MemoryTimeoutOptions();
  if (kafka && !log) options.clockSkew = UNCORRECTED_CLOCK_SKEW;
  return options;
}

function check(
  { service, kafka, gateway }: ResolvedOptions,
  given: KafkaSocketModuleOptions,
  problems: string[],
): void {
  if (typeof service.name !== 'string' || !NAME.test(service.name)) {
    problems.push(
      '"service" is missing or holds other characters than A-Z, a-z, 0-9, "_" and "-". It names the consumer group: service: \'auction\'.',
    );
  }
  if (kafka && kafka.brokers.length === 0) {
    problems.push(
      '"kafka.brokers" is empty. Name at least one broker as host:port, or leave "kafka" out for the log in memory.',
    );
  }
  if (given.log && given.kafka)
    problems.push('"log" and "kafka" are both given, but there is one log. Leave one of them out.');
  checkInbox(service.inbox, given, problems);
  if (gateway) checkGateway(gateway, problems);
}

function checkInbox({ store, whenAway }: InboxOptions, { redis }: KafkaSocketModuleOptions, problems: string[]): void {
  const isOne = typeof store === 'function' || typeof (store as Partial<Inbox> | null)?.run === 'function';
  if (![false, 'memory', 'redis'].includes(store as string) && !isOne) {
    problems.push(
      `"handlers.inbox.store" is none: it is false, 'memory', 'redis', an Inbox of your own, or the class of one that is provided.`,
    );
  }
  if (store === 'redis' && !redis)
    problems.push(`"handlers.inbox.store" is 'redis', but nothing says where Redis is. Give the option "redis".`);
  if (whenAway !== 'wait' && whenAway !== 'run')
    problems.push(`"handlers.inbox.whenAway" is "${String(whenAway)}"; it is 'wait' or 'run'.`);
}

function checkGateway(gateway: GatewayOptions, problems: string[]): void {
  const { topics, path, heartbeat, ttl, broadcast, flushWindow, trace } = gateway;
  checkAccess(gateway, problems);
  if (topics.length === 0) problems.push('"gateway.topics" is empty. Name the topics whose commands clients may send.');
  for (const topic of topics) {
    if (!TOPIC_NAME.test(topic)) problems.push(`"gateway.topics" holds "${topic}", which is no name of a Kafka topic.`);
  }
  if (!path.startsWith('/')) problems.push(`"gateway.path" is "${path}"; it begins with "/".`);
  if (heartbeat.timeout >= heartbeat.interval) {
    problems.push(
      `"gateway.heartbeat.timeout" (${heartbeat.timeout} ms) is not below "gateway.heartbeat.interval" (${heartbeat.interval} ms), so the ` +
        'next ping goes out before the last is judged. Lower the timeout (default 8000) or raise the interval.',
    );
  }
  if (flushWindow >= heartbeat.timeout) {
    problems.push(
      `"gateway.flushWindow" (${flushWindow} ms) is not below "gateway.heartbeat.timeout" (${heartbeat.timeout} ms), so no ping could be ` +
        'answered in time. Shorten the window (default 0) or raise the time-out.',
    );
  }
  for (const name of trace.baggage) {
    if (!BAGGAGE_NAME.test(name))
      problems.push(`"gateway.trace.baggage" holds "${name}", which is no name of an entry.`);
  }
  if (ttl.default > ttl.maximum) {
    problems.push(
      `"gateway.ttl.default" (${ttl.default} ms) is above "gateway.ttl.maximum" (${ttl.maximum} ms). Lower the one or raise the other.`,
    );
  }
  for (const [type, content] of Object.entries(broadcast)) {
    if (content !== 'data' && content !== 'metadata')
      problems.push(`"gateway.broadcast" says "${String(content)}" for "${type}"; it is 'data' or 'metadata'.`);
    if (!/^(\*|[A-Za-z0-9_-]+\.(\*|[A-Za-z0-9_-]+))$/.test(type)) {
      problems.push(`"gateway.broadcast" names "${type}"; event types are written 'Bid.Created', 'Bid.*' or '*'.`);
    }
  }
}

function checkAccess({ proxies, guards }: GatewayOptions, problems: string[]): void {
  if (!Number.isInteger(proxies))
    problems.push(`"gateway.proxies" is ${proxies}; it is the number of proxies in front, and those are whole.`);
  guards.forEach((guard, index) => {
    if (typeof guard === 'function' || typeof (guard as Partial<CanActivate> | null)?.canActivate === 'function')
      return;
    problems.push(
      `"gateway.guards[${index}]" is no guard. Name a class that implements Nest's CanActivate, or an instance of one.`,
    );
  });
}
