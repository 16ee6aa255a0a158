import type { ValidatorOptions } from 'class-validator';
import { InboxOptions } from './inbox/inbox.options.js';

/** How this application handles commands and events. */
export class ServiceOptions {
  /** Names the consumer group, and the source of all that is published (`/<name>`). All instances of one service share it. */
  name = '';
  /**
   * Modules whose providers and controllers are searched for handlers. Left out: all. Needed where one application holds
   * two services, since a handler must belong to one of them.
   */
  // eslint-disable-next-line @typescript-eslint/no-unsafe-function-type -- Nest's own type for a module's class
  include?: Function[];
  /**
   * Records that are handled at the same time in one process; records of one key always one after the other.
   * @default 64
   */
  concurrency = 64;
  /**
   * Records of one partition that may be waiting, running, or finished but not yet committed because an earlier one still
   * runs. At this number the partition pauses. It is also the most that a crash makes run again.
   * @default 1_000
   */
  maxUncommitted = 1_000;
  /**
   * How long a handler may run, in milliseconds, the validation of its payload included. After it the command has `failed` with `HANDLER_TIMEOUT`, the record goes to
   * the dead letters, and the next record of its key is handled, whether the method ever ends or not.
   * @default 60_000
   */
  handlerTimeout = 60_000;
  /**
   * How long a shutdown waits for handlers that run, in milliseconds; then their signals abort and they are left to whoever
   * takes over.
   * @default 10_000
   */
  drainTimeout = 10_000;
  /**
   * How far back the log is read when a partition is taken over, in milliseconds: a request that was sent again, or that the
   * previous owner finished, is recognised that long. The longest time to live, and the grace after it: in a process that is a
   * gateway too it follows `gateway.ttl`; in one that is a service only raise it with the gateway's.
   * @default 301_000, or `gateway.ttl.maximum + gateway.ttl.grace`
   */
  window = 301_000;
  /**
   * Requests that are remembered for each partition, to recognise those that are sent again; the oldest are forgotten first.
   * One takes about 200 bytes. Where a partition has more of them within `window` than this (by default, more than about 1,600
   * a second for five minutes) a request is recognised for a shorter time than `window` says.
   * @default 500_000
   */
  remembered = 500_000;
  /**
   * Bytes that a command may take which is sent later, its payload and headers as text; a larger one is refused with
   * `delay_refused`. All that wait are in Redis's memory until then, and Kafka takes no record above 1 MiB unless told to.
   * @default 65_536
   */
  maxDelayedBytes = 65_536;
  /** What keeps a message from being handled twice. */
  inbox = new InboxOptions();
  /**
   * Passed to class-validator, in place of the default, by which properties that the class does not declare are dropped.
   * @default { whitelist: true, forbidUnknownValues: true }
   */
  validation: ValidatorOptions = { whitelist: true, forbidUnknownValues: true };
}
