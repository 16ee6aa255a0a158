import type { Answer } from '../handling/handler.invoker.js';
import type { Handling } from '../handling/handling.js';
import type { RetryPolicy } from '../retry/retry.options.js';
import type { PayloadClass } from '../../entity/payload.class.js';
import type { EventKey, ReplyMode } from './method.declaration.js';

/** An event that is published with what a method returns. */
export interface Publication {
  readonly topic: string;
  readonly entity: string;
  readonly eventType: string;
  /** Left out: the key of the record being handled. */
  readonly key?: EventKey<unknown>;
}

/** A method that handles one kind of message, ready to be called. */
export interface Handler {
  /** Class and method, such as `Bidding.place`. */
  readonly label: string;
  /** `result`: told of answers that came too late. */
  readonly kind: 'command' | 'event' | 'result';
  readonly topic: string;
  /** `PlaceBid`, or `Bid.Created`. */
  readonly name: string;
  /** Left out: what comes is handed over as it is, as outcomes are. */
  readonly payload?: PayloadClass;
  /** For commands; `result` for events, where it means nothing. */
  readonly reply: ReplyMode;
  readonly publications: readonly Publication[];
  /** Whether, and when, it is called again for what it failed on. */
  readonly retry?: RetryPolicy;
  /** For commands: who is told of an answer that came too late. */
  readonly late?: Handler;
  readonly invoke: (handling: Handling) => Promise<Answer>;
}
