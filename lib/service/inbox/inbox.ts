import type { Outcome } from '../../protocol/outcome.js';
import type { LogPosition } from '../../message/record.js';
import type { Handled } from '../handling/handler.context.js';
import type { PlatformMessage } from '../../message/platform-message.js';
import type { DeadLetterReason } from '../../message/dead-letter.headers.js';
import type { Delay } from '../publishing/held.record.js';
import type { Reply } from './outbox.js';

/** One message on its way into one method. */
export interface Delivery {
  /**
   * What must not be handled twice, as 24 characters of `A-Za-z0-9_-`: for a command that a client sent its session, public
   * key and RequestId, in whichever partition and as whichever record it comes; for any other message its source and id; for
   * an event the method too.
   */
  readonly key: string;
  /** Class and method, such as `Bidding.place`. */
  readonly handler: string;
  /** The message without its payload, which nobody has checked yet. */
  readonly message: Omit<PlatformMessage<Handled>, 'payload'>;
  /** Where its record stands. */
  readonly place: LogPosition;
  /** Aborts when the record is no longer ours to finish: whoever waits, for a lock or a lease, gives up. */
  readonly signal: AbortSignal;
}

/** An event or a command that follows from a message, ready for the log. */
export interface CompletionRecord {
  readonly topic: string;
  readonly partition?: number;
  readonly key: string | null;
  /** Only for a key that is not UTF-8. */
  readonly keyEncoding?: 'base64';
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Only for a command that is sent later: it goes to the scheduler and not into the log. */
  readonly delay?: Delay;
}

/**
 * What came of a message: all that the log gets for it, with the ids that it gets it with, so that it can be written again and is
 * the same. It is JSON and nothing else, so any store can keep it as text.
 */
export interface Completion {
  /** Id of the message that was handled. Another one of the same request gets the answer alone. */
  readonly messageId: string;
  /** How it ended. All but `success` was thrown; a transaction rolls back what the handler did. */
  readonly outcome: Outcome;
  /** Id of the result's message. */
  readonly resultId: string;
  /** What the method published and returned, in this order; nothing where it threw. */
  readonly records: readonly CompletionRecord[];
  /** What it answered with `publisher.reply()`; nothing where it threw. */
  readonly replies: readonly Reply[];
  /** Why there is a dead letter, where there is one; its error as code or class, and message. */
  readonly failure?: { readonly reason: DeadLetterReason; readonly error: string };
}

/**
 * Calls the method and collects what comes of it.
 * @param lost aborts the method's signal, where it turns out that somebody else handles the message by now
 * @throws where nothing must be kept: the record stopped being ours, or what no client waits for failed and goes to the dead
 * letters, from where it may be sent again. Undo what was begun, and throw it on.
 */
export type Handle = (lost?: AbortSignal) => Promise<Completion>;

/**
 * Sees to it that a message is handled once: whoever comes with it again gets what came of it the first time, and the same
 * records are written again. The two that come with this package keep it in memory and in Redis. One of your own can keep it
 * in the database that the handlers write to, in the same transaction: then effect and outcome are one.
 *
 * A record is committed only once all that stands in its completion is in the log, so whatever crashes is asked for again and
 * no other job has to look for what was not published yet.
 */
export interface Inbox {
  /**
   * Gets ready. Called once, before the first message, and again where it threw.
   * @param namespace names the log and the service: what others keep in the same place is not ours
   */
  start?(namespace: string): Promise<void>;
  /** Lets go of connections and timers. Safe to call twice. */
  stop?(): Promise<void>;
  /** Why messages cannot be taken now; undefined while they can. */
  readonly trouble?: string | undefined;
  /**
   * Runs `handle` and keeps what it resolves with, unless the key is known: then gives what was kept. Where the same key is
   * being handled elsewhere it waits for what comes of that.
   * @throws what `handle` throws, or the reason of the delivery's signal
   * @throws anything else where the store cannot be reached: it is called again after a pause
   */
  run(delivery: Delivery, handle: Handle): Promise<Completion>;
}
