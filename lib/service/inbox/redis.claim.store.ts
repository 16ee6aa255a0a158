import { once } from 'node:events';
import { Logger } from '@nestjs/common';
import { Redis, type Result } from 'ioredis';
import { messageOf } from '../../kafka-socket.error.js';
import { within } from '../../timeout/bounded.wait.js';
import type { RedisOptions } from '../../timeout/timeout.options.js';
import { type Claimed, type ClaimStore, HELD, OURS } from './claim.store.js';
import { InboxUnavailableError } from './inbox.errors.js';
import type { InboxOptions } from './inbox.options.js';

/** How long a start waits for Redis before it goes on without, in milliseconds. */
const FIRST_CONTACT = 2_000;
/** How long Redis may be silent before its connection is taken for dead and made anew, in milliseconds. */
const SILENCE = 5_000;

/** In one value: who is at it, `?` and the holder, which expires with the lease; or what came of it, which is JSON. */
const HOLDER_MARK = '?';

/** Nobody's, or mine already: mine. Else what stands there. */
const CLAIM = `local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return held end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])`;

/** A holder whose lease is over may still end it, but not once another has taken it: a zombie overwrites nothing. */
const COMPLETE = `local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return held end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])`;

const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end`;

declare module 'ioredis' {
  interface RedisCommander<Context> {
    inboxClaim(key: string, holder: string, lease: number): Result<string | null, Context>;
    inboxComplete(key: string, holder: string, completion: string, window: number): Result<string | null, Context>;
    inboxRelease(key: string, holder: string): Result<null, Context>;
  }
}

/** Claims in Redis, for all instances of a service: one key each, `<prefix>:inbox:<namespace>:<key>`, which expires by itself. */
export class RedisClaimStore implements ClaimStore {
  trouble: string | undefined = 'The inbox in Redis was not started yet.';
  private readonly logger = new Logger('KafkaSocketInbox');
  private client?: Redis;
  private prefix = '';
  private lastError?: string;
  private answeredAt = performance.now();
  private stopped = false;

  constructor(
    private readonly redis: RedisOptions,
    private readonly options: Pick<InboxOptions, 'lease' | 'window'>,
  ) {}

  /** Resolves soon, whether or not Redis is there; where it is not, that is logged. */
  async start(namespace: string): Promise<void> {
    if (this.client || this.stopped) return;
    this.prefix = `${this.redis.prefix}:inbox:${namespace}:`;
    const client = (this.client = connectionTo(this.redis));
    client.on('error', (error) => (this.lastError = messageOf(error)));
    client.on('close', () => this.lost(this.lastError ?? 'the connection was closed'));
    client.on('ready', () => this.found());
    const late = () => new Error(this.lastError ?? `no answer within ${FIRST_CONTACT} ms`);
    // `once` rejects at the first error: a Redis that refuses is known to be away at once.
    await within(once(client, 'ready'), FIRST_CONTACT, late).catch((error) => this.lost(messageOf(error)));
  }

  claim(key: string, holder: string): Promise<Claimed> {
    const { lease } = this.options;
    return this.ask((client) => client.inboxClaim(this.prefix + key, HOLDER_MARK + holder, lease));
  }

  complete(key: string, holder: string, completion: string): Promise<Claimed> {
    const { window } = this.options;
    return this.ask((client) => client.inboxComplete(this.prefix + key, HOLDER_MARK + holder, completion, window));
  }

  async release(key: string, holder: string): Promise<void> {
    await this.ask((client) => client.inboxRelease(this.prefix + key, HOLDER_MARK + holder));
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.trouble = 'The inbox in Redis was stopped.';
    this.client?.disconnect();
  }

  /** Waits for an answer, no longer than `redis.commandTimeout`. */
  private async ask(send: (client: Redis) => Promise<string | null>): Promise<Claimed> {
    const { client } = this;
    if (!client || client.status !== 'ready')
      throw new InboxUnavailableError(this.trouble ?? 'Redis is not connected.');
    try {
      const limit = this.redis.commandTimeout;
      const held = await within(send(client), limit, () => this.silent(limit));
      this.answeredAt = performance.now();
      this.found();
      return claimedOf(held);
    } catch (error) {
      if (error instanceof InboxUnavailableError) throw error;
      throw new InboxUnavailableError(`Redis at ${this.place} refuses the inbox: ${messageOf(error)}`, error);
    }
  }

  private silent(limit: number): InboxUnavailableError {
    this.lost(`no answer within ${limit} ms`);
    // The other end may be gone without a word, and TCP takes a quarter of an hour to notice.
    if (performance.now() - this.answeredAt > SILENCE) this.client?.disconnect(true);
    return new InboxUnavailableError(this.trouble!);
  }

  private get place(): string {
    return `${this.redis.host}:${this.redis.port}`;
  }

  private lost(reason: string): void {
    if (this.stopped) return;
    const isNews = this.trouble === undefined || this.client?.status !== 'ready';
    this.trouble = `Redis at ${this.place} cannot be used (${reason}).`;
    if (isNews) this.logger.error(this.trouble);
  }

  private found(): void {
    if (this.trouble === undefined || this.stopped) return;
    this.trouble = undefined;
    this.answeredAt = performance.now();
    this.logger.log(`Redis at ${this.place} answers.`);
  }
}

/** A connection whose commands fail at once while it is down: whoever sends them decides whether to wait. */
function connectionTo({ host, port, username, password, db, tls }: RedisOptions): Redis {
  const client = new Redis({
    ...{ host, port, username, password, db, tls },
    connectTimeout: 3_000,
    keepAlive: 10_000,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // All that is sent in one turn of the loop goes into one write: the cost of a command is nearly all in the system call.
    enableAutoPipelining: true,
    retryStrategy: () => 500 + Math.random() * 1_000, // for ever; spread, because all processes lose Redis at once
    reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false), // a replica now: find the new primary, ask it again
  });
  client.defineCommand('inboxClaim', { numberOfKeys: 1, lua: CLAIM });
  client.defineCommand('inboxComplete', { numberOfKeys: 1, lua: COMPLETE });
  client.defineCommand('inboxRelease', { numberOfKeys: 1, lua: RELEASE });
  return client;
}

function claimedOf(held: string | null): Claimed {
  if (held === null) return OURS;
  return held.startsWith(HOLDER_MARK) ? HELD : { state: 'done', completion: held };
}
