import type { Type } from '@nestjs/common';
import type { Inbox } from './inbox.js';

/** Where it is kept what came of a message; see {@link InboxOptions.store}. */
export type InboxStore = false | 'memory' | 'redis' | Inbox | Type<Inbox>;

/** What keeps a message from being handled twice. */
export class InboxOptions {
  /**
   * Where it is kept what came of a message. `false`: nowhere, and a handler may run again after a crash or a rebalance.
   * `'memory'`: in this process, for development and tests. `'redis'`: where the option `redis` says, for all instances of the
   * service. An {@link Inbox} of your own, or the class of one that is among the application's providers: for example in the
   * database that handlers write to.
   * @default false
   */
  store: InboxStore = false;
  /**
   * What happens while Redis is away. `'wait'`: no handler begins before it is back, so nothing runs twice; clients get
   * `timeout` meanwhile. `'run'`: handlers run, and may run again as if there were no inbox.
   * @default 'wait'
   */
  whenAway: 'wait' | 'run' = 'wait';
  /**
   * How long the claim of an instance that died keeps others from handling the message, in milliseconds. It is renewed three times
   * as often while a handler runs.
   * @default 10_000
   */
  lease = 10_000;
  /**
   * How long it is kept what came of a message, in milliseconds. After that it may be handled again, if it comes again. The
   * window in which requests are repeated suffices for commands that have a deadline; for events and compensations, how
   * long the whole service may be down.
   * @default the value of `handlers.window`
   */
  window = 301_000;
  /**
   * Bytes that the inbox in memory may take; what is oldest is forgotten first.
   * @default 67_108_864
   */
  maxBytes = 64 * 1024 * 1024;
}
