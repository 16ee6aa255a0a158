import { setTimeout as pause } from 'node:timers/promises';
import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  Optional,
} from '@nestjs/common';
import { Gateway } from './gateway/gateway.js';
import type { GatewayOptions } from './gateway/gateway.options.js';
import { KAFKA_SOCKET_OPTIONS } from './kafka-socket.constants.js';
import { KafkaSocketError, messageOf } from './kafka-socket.error.js';
import type { ResolvedOptions } from './kafka-socket.options.js';
import { MESSAGE_LOG } from './log/log.constants.js';
import type { MessageLog } from './log/message.log.js';
import { ServiceRunner } from './service/service.runner.js';
import { TIMEOUT_SCHEDULER } from './timeout/timeout.constants.js';
import { within } from './timeout/bounded.wait.js';
import type { TimeoutScheduler } from './timeout/timeout.scheduler.js';
import { isDelayed } from './timeout/delayed.js';
import type { Waiting } from './timeout/waiting.js';
import { sendingDue, sendingLater } from './tracing/send.span.js';
import { tracer } from './tracing/tracer.js';

/** The pause before the first new attempt to start, and the longest one, in milliseconds. */
const RETRY = { first: 250, longest: 5_000 };

/** The first steps, which the application's start waits for: what they find wrong no new attempt would mend. */
const AWAITED = 3;

/** Pause between two lines about the same trouble, in milliseconds. */
const REMIND_EVERY = 30_000;

/** How long a stop waits for a start that is under way, in milliseconds. */
const ABANDON_START = 10_000;

/**
 * Starts the rooms in the order in which messages flow, and stops them the other way round: no new work, then what is under way, then
 * connections. What is wrong with the application stops its start; a broker that is away does not: the process lives, says
 * that it is not ready, and tries again.
 */
@Injectable()
export class KafkaSocketLifecycle implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger: Logger;
  private readonly stopping = new AbortController();
  /** What is left to be done; each step is taken off when it has succeeded. */
  private readonly steps: (() => Promise<void>)[];
  private starting: Promise<void> = Promise.resolve();
  private stopped: Promise<void> | undefined;
  private connected = false;
  private said = { text: '', at: -Infinity };

  constructor(
    @Inject(KAFKA_SOCKET_OPTIONS) private readonly options: ResolvedOptions,
    @Inject(MESSAGE_LOG) private readonly log: MessageLog,
    @Inject(TIMEOUT_SCHEDULER) private readonly scheduler: TimeoutScheduler,
    private readonly service: ServiceRunner,
    @Optional() private readonly gateway?: Gateway,
  ) {
    this.logger = new Logger(`KafkaSocket ${options.service.name}`);
    this.steps = [
      () => this.connect(),
      () => log.ensureTopics(options.gateway?.topics ?? []),
      () => service.ensureTopics(),
      () => scheduler.start(log.clusterId, (waiting) => this.publishDue(waiting)),
      async () => gateway?.start(),
      () => service.start(),
    ];
  }

  /**
   * Resolves when the log was reached and has its topics, or could not be reached; the rest goes on in the background.
   * @throws {InvalidHandlerError} `handler_invalid`, {@link MissingTopicsError} `topics_missing`: what no new attempt would mend
   */
  async onApplicationBootstrap(): Promise<void> {
    this.service.explore();
    this.warnOfOpenDoors();
    const left = this.steps.length;
    try {
      while (this.steps.length > left - AWAITED) await this.next();
    } catch (error) {
      if (!(error instanceof KafkaSocketError) || !error.temporary) throw error;
      this.sayNotReady(error);
    }
    this.starting = this.finishStart();
  }

  /** Safe to call twice. */
  beforeApplicationShutdown(): Promise<void> {
    return (this.stopped ??= this.stop());
  }

  private async stop(): Promise<void> {
    this.stopping.abort();
    this.gateway?.drain();
    await this.attempt('handlers', () => this.service.stop()); // a join that is under way ends with it
    await this.attempt('start', () => within(this.starting, ABANDON_START, () => new Error('it took too long')));
    await this.attempt('gateway', async () => this.gateway?.stop());
    await this.attempt('time-outs', () => this.scheduler.stop());
    if (this.connected) await this.attempt('log', () => this.log.close()); // else it is somebody else's alone
  }

  private async connect(): Promise<void> {
    this.connected = true;
    await this.log.connect();
  }

  private async publishDue(waiting: Waiting): Promise<void> {
    const send = isDelayed(waiting) ? sendingLater : sendingDue;
    await send(waiting.record, (record) => this.log.publish(record));
  }

  private async next(): Promise<void> {
    await this.steps[0]!();
    this.steps.shift();
  }

  /** Takes the remaining steps, however often it takes. Never rejects. */
  private async finishStart(): Promise<void> {
    let delay = RETRY.first;
    while (this.steps.length > 0 && !this.stopping.signal.aborted) {
      try {
        await this.next();
        delay = RETRY.first;
      } catch (error) {
        if (this.stopping.signal.aborted) return;
        this.sayNotReady(error);
        await pause(delay, undefined, { signal: this.stopping.signal }).catch(() => undefined);
        delay = Math.min(delay * 2, RETRY.longest);
      }
    }
    if (this.steps.length === 0) this.logger.log('Ready.');
  }

  /** At once where it is news, else now and then: a broker may be away for a night. */
  private sayNotReady(error: unknown): void {
    const [text, at] = [messageOf(error), performance.now()];
    if (text === this.said.text && at - this.said.at < REMIND_EVERY) return;
    this.said = { text, at };
    this.logger.error(`${text} Not ready; trying again.`);
  }

  /** One part that fails to stop must not keep the others from it. */
  private async attempt(part: string, stop: () => Promise<void>): Promise<void> {
    try {
      await stop();
    } catch (error) {
      this.logger.error(`Stopping the ${part} failed: ${messageOf(error)}`);
    }
  }

  private warnOfStrangers({ trace }: GatewayOptions): void {
    this.logger.warn('Neither gateway.authenticate nor gateway.admit is set: anyone may connect.');
    if (trace.follow && tracer())
      this.logger.warn(
        'gateway.trace.follow is true: whoever connects chooses which traces are recorded. Set it to false.',
      );
  }

  private warnOfOpenDoors(): void {
    if (process.env['NODE_ENV'] !== 'production') return;
    const { gateway, kafka, log, redis } = this.options;
    if (gateway && !gateway.authenticate && !gateway.admit) this.warnOfStrangers(gateway);
    if (gateway && !gateway.authorize && gateway.guards.length === 0)
      this.logger.warn(
        'Neither gateway.authorize nor gateway.guards is set: who is connected may send and read everything.',
      );
    if (!kafka && !log) this.logger.warn('kafka is not set: all messages live in this process and end with it.');
    if (!redis) this.logger.warn('redis is not set: time-outs live in this process and end with it.');
  }
}
