/** Time-outs and delayed commands that wait in Redis. It must not evict keys (`maxmemory-policy noeviction`, its default). */
export class RedisOptions {
  /**
   * Where Redis listens: a name or an address.
   * @default 'localhost'
   */
  host = 'localhost';
  /**
   * The port that it listens on.
   * @default 6379
   */
  port = 6379;
  /** Who logs in, where Redis has users of its own (ACLs). Left out: its default user. */
  username?: string;
  /** Left out: nobody logs in. */
  password?: string;
  /**
   * Number of the database. All processes of one log must name the same.
   * @default 0
   */
  db = 0;
  /** TLS, passed to Node as it is. */
  tls?: Record<string, unknown>;
  /**
   * What the names of our keys begin with, beside the log's own name.
   * @default 'kafka-socket'
   */
  prefix = 'kafka-socket';
  /**
   * How long arming, scheduling or taking back may wait for Redis, in milliseconds. A gateway then goes on with its own timer; who
   * schedules a command gets `timeouts_unavailable`.
   * @default 500
   */
  commandTimeout = 500;
  /**
   * Commands of one process that may wait for Redis's answer; further ones are refused at once with `timeouts_unavailable`.
   * @default 10_000
   */
  maxPending = 10_000;
  /**
   * Time-outs that one process publishes at the same time, and as many delayed commands beside them.
   * @default 100
   */
  concurrency = 100;
}

/** Time-outs and delayed commands that wait in the process. */
export class MemoryTimeoutOptions {
  /**
   * Time-outs that may be armed at the same time; further ones are refused with `timeouts_unavailable`.
   * @default 1_000_000
   */
  maximum = 1_000_000;
  /**
   * Delayed commands that may wait at the same time, beside the time-outs; further ones are refused with `timeouts_unavailable`.
   * @default 100_000
   */
  maximumDelayed = 100_000;
  /**
   * How far the clocks of the processes that share a log may lie apart, in milliseconds. Nothing corrects them here, so where
   * several processes work without Redis this is what a service waits past a deadline before it calls a command late.
   * @default 0
   */
  clockSkew = 0;
}
