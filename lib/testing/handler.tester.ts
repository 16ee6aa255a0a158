import { randomUUID } from 'node:crypto';
import { entityKeyOf } from '../entity/generic.command.js';
import type { MessageLog, Tail } from '../log/message.log.js';
import { peekBreadCrumb } from '../message/bread-crumbs.codec.js';
import { decodeMessage, encodeMessage } from '../message/cloud-events.codec.js';
import type { Outcome } from '../protocol/outcome.js';
import type { Event } from '../message/event.js';
import { messageId } from '../message/message.id.js';
import { messageTypeOf } from '../message/message.type.js';
import { isTerminal } from '../message/outcome.rule.js';
import { headerText } from '../message/record.headers.js';
import type { LogRecord, RecordBatch } from '../message/record.js';
import { commandAddressOf } from '../entity/command-address.decorator.js';
import { eventEntityOf } from '../entity/event-entity.decorator.js';
import type { PayloadClass } from '../entity/payload.class.js';
import { UnaddressedClassError } from '../entity/entity.errors.js';
import { NothingCameError } from './testing.errors.js';

/** How long the tester waits for what a handler should do. */
export interface TesterOptions {
  /**
   * How long to wait for an outcome or an event, in milliseconds.
   * @default 5_000
   */
  readonly patience?: number;
}

/** How a command is sent. */
export interface TestCommandOptions {
  /** Record key. @default that of a client: of a generic command its entity's id, else a new one for each command */
  readonly key?: string;
  /** Time to live, in milliseconds. @default 30_000 */
  readonly ttl?: number;
  /** The verified claims of who asks. */
  readonly user?: Readonly<Record<string, unknown>>;
}

/**
 * Stands where the gateway and the clients are, so that handlers are tested through the real thing, without sockets: it
 * writes a command into the log, and reads the outcome and the events from it.
 *
 * @example
 * ```ts
 * const log = new MemoryMessageLog();
 * const module = await Test.createTestingModule({
 *   imports: [KafkaSocketModule.forRoot({ service: 'auction', log })],
 *   providers: [Bidding],
 * }).compile();
 * const app = await module.createNestApplication().init();
 * await using tester = await HandlerTester.on(log, ['auction']);
 *
 * expect(await tester.send(PlaceBid, { lot: 7, amount: 120 })).toMatchObject({ status: 'success' });
 * expect(await tester.nextEvent(BidEvent, 'Created')).toMatchObject({ data: { amount: 120 } });
 * ```
 */
export class HandlerTester implements AsyncDisposable {
  private readonly unread: LogRecord[] = [];
  private readonly waiting = new Set<() => void>();
  private tail: Tail | undefined;

  private constructor(
    private readonly log: MessageLog,
    private readonly patience: number,
  ) {}

  /**
   * Begins to read topics, from now on.
   * @param log the log that the module under test was given
   * @param topics the topics of the commands and events that the test is about
   */
  static async on(
    log: MessageLog,
    topics: readonly string[],
    { patience = 5_000 }: TesterOptions = {},
  ): Promise<HandlerTester> {
    await log.connect();
    await log.ensureTopics(topics);
    const tester = new HandlerTester(log, patience);
    tester.tail = await log.tail({ topics, since: Date.now(), onBatch: (batch) => tester.take(batch) });
    await tester.tail.caughtUp;
    return tester;
  }

  /**
   * Sends a command and waits for its outcome.
   * @throws {NothingCameError} `nothing_came`: no outcome within the patience
   */
  async send<T extends object>(
    command: PayloadClass<T>,
    payload: NoInfer<T>,
    options: TestCommandOptions = {},
  ): Promise<Outcome> {
    const address = commandAddressOf(command);
    if (!address) throw new UnaddressedClassError(`The class ${command.name} has no @CommandAddress.`);
    const requestId = randomUUID();
    await this.publish(address.topic, address.name, payload, requestId, {
      key: entityKeyOf(command, payload),
      ...options,
    });
    const isOurs = (record: LogRecord): boolean =>
      isTerminal(record.headers) &&
      peekBreadCrumb(headerText(record.headers['ce_breadcrumbs']) ?? '', 'request') === requestId;
    const record = await this.next(isOurs, `an outcome of "${address.name}"`);
    return decodeMessage(record).payload.data as Outcome;
  }

  /**
   * Takes the next event of a type; others stay for later calls.
   * @throws {NothingCameError} `nothing_came`: none within the patience
   */
  async nextEvent<T extends object>(entityClass: PayloadClass<T>, eventType: string): Promise<Event<T>> {
    const entity = eventEntityOf(entityClass);
    if (!entity) throw new UnaddressedClassError(`The class ${entityClass.name} has no @EventEntity.`);
    const name = `${entity.entity}.${eventType}`;
    const isWanted = ({ topic, headers }: LogRecord): boolean => {
      const type = messageTypeOf(headers);
      return topic === entity.topic && type?.kind === 'event' && type.name === name;
    };
    return decodeMessage(await this.next(isWanted, `an event "${name}"`)).payload as Event<T>;
  }

  /** Stops reading. The log stays with whoever made it. Safe to call twice; `await using` does it by itself. */
  async stop(): Promise<void> {
    await this.tail?.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  private async publish(
    topic: string,
    name: string,
    data: unknown,
    requestId: string,
    options: TestCommandOptions,
  ): Promise<void> {
    const { key = randomUUID(), ttl = 30_000, user } = options;
    const id = messageId();
    const partition = await this.log.partitionFor(topic, key);
    const breadCrumbs = {
      requestId,
      sessionId: 'handler-tester',
      publicKey: 'none',
      correlationId: id,
      deadline: Date.now() + ttl,
      reply: { topic, partition },
      attempt: 1,
      ...(user && { user: JSON.stringify(user) }),
    };
    const message = { id, source: '/handler-tester', breadCrumbs, payload: { kind: 'command' as const, name, data } };
    await this.log.publish({ topic, partition, key, ...encodeMessage(message) });
  }

  private take({ records }: RecordBatch): void {
    this.unread.push(...records);
    for (const look of this.waiting) look();
  }

  private next(wanted: (record: LogRecord) => boolean, what: string): Promise<LogRecord> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const index = this.unread.findIndex(wanted);
        if (index < 0) return;
        this.waiting.delete(look);
        clearTimeout(timer);
        resolve(this.unread.splice(index, 1)[0]!);
      };
      const timer = setTimeout(() => {
        this.waiting.delete(look);
        reject(
          new NothingCameError(
            `No sign of ${what} within ${this.patience} ms. Is its handler provided, and its topic among those of HandlerTester.on()?`,
          ),
        );
      }, this.patience);
      this.waiting.add(look);
      look();
    });
  }
}
