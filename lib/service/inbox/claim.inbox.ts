import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { messageOf } from '../../kafka-socket.error.js';
import { messageId } from '../../message/message.id.js';
import { SparingLog } from '../../timeout/sparing.log.js';
import { HandlingAbortedError } from '../service.errors.js';
import type { ClaimStore } from './claim.store.js';
import type { Completion, Delivery, Handle, Inbox } from './inbox.js';
import type { InboxOptions } from './inbox.options.js';

/** First and longest pause before a store is asked again, in milliseconds. */
const FIRST_PAUSE = 20;
const LONGEST_PAUSE = 500;

/**
 * An inbox by claims: whoever claims a message first handles it, renews the claim as long as that takes, and puts what came of
 * it in the claim's place. Whoever comes with the same message meanwhile waits.
 *
 * Effect and completion are two steps. A process that dies between them (about a millisecond) leaves a claim that runs
 * out, and the handler runs again: only an inbox in the database of the effects has no such gap.
 */
export class ClaimInbox implements Inbox {
  private readonly logger = new SparingLog(new Logger('KafkaSocketInbox'));

  constructor(
    private readonly store: ClaimStore,
    private readonly options: Pick<InboxOptions, 'lease' | 'whenAway'>,
  ) {}

  start(namespace: string): Promise<void> {
    return this.store.start(namespace);
  }

  stop(): Promise<void> {
    return this.store.stop();
  }

  get trouble(): string | undefined {
    return this.store.trouble;
  }

  async run(delivery: Delivery, handle: Handle): Promise<Completion> {
    for (;;) {
      const holder = messageId();
      const known = await this.begin(delivery, holder);
      if (known) return known;
      const completion = await this.carryOut(delivery, holder, handle);
      if (completion) return completion;
    }
  }

  /** @returns what came of it, where it was handled before; undefined where it is ours to handle */
  private async begin({ key, signal, handler }: Delivery, holder: string): Promise<Completion | undefined> {
    for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      signal.throwIfAborted();
      try {
        const claimed = await this.store.claim(key, holder);
        if (claimed.state === 'ours') return undefined;
        if (claimed.state === 'done') return JSON.parse(claimed.completion) as Completion;
      } catch (error) {
        if (this.options.whenAway === 'run') {
          this.logger.warn(`${handler} runs without its inbox, and may run again: ${messageOf(error)}`);
          return undefined;
        }
        // Asked again as the same holder: the claim may have arrived, and its answer not.
        this.logger.warn(`${handler} waits for its inbox: ${messageOf(error)}`);
      }
      await pauseFor(pause, signal);
    }
  }

  /** @returns undefined where somebody else has taken it over meanwhile */
  private async carryOut(delivery: Delivery, holder: string, handle: Handle): Promise<Completion | undefined> {
    using lease = new Lease(this.store, delivery.key, holder, this.options.lease);
    try {
      return await this.keep(delivery, holder, await handle(lease.lost));
    } catch (error) {
      if (lease.lost.aborted && error === lease.lost.reason) return undefined;
      lease[Symbol.dispose](); // before the claim is given back, else it could be renewed after that
      // Where nobody hears, it ends by itself.
      await this.store.release(delivery.key, holder).catch(() => undefined);
      throw error;
    }
  }

  private async keep(delivery: Delivery, holder: string, completion: Completion): Promise<Completion | undefined> {
    const { key, signal, handler } = delivery;
    const text = JSON.stringify(completion);
    for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      try {
        const claimed = await this.store.complete(key, holder, text);
        if (claimed.state === 'ours') return completion;
        return claimed.state === 'done' ? (JSON.parse(claimed.completion) as Completion) : undefined;
      } catch (error) {
        this.logger.warn(`What came of ${handler} is not in the inbox yet: ${messageOf(error)}`);
        // What is done is done. In the log it still keeps the record's next owner from doing it again.
        if (this.options.whenAway === 'run' || signal.aborted) return completion;
      }
      await pauseFor(pause, signal);
    }
  }
}

/** A claim that is renewed while a handler runs. */
class Lease implements Disposable {
  private readonly controller = new AbortController();
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly store: ClaimStore,
    private readonly key: string,
    private readonly holder: string,
    length: number,
  ) {
    this.timer = setInterval(() => void this.renew(), length / 3);
  }

  /** Aborts when somebody else handles the message. */
  get lost(): AbortSignal {
    return this.controller.signal;
  }

  [Symbol.dispose](): void {
    clearInterval(this.timer);
  }

  private async renew(): Promise<void> {
    try {
      const { state } = await this.store.claim(this.key, this.holder);
      if (state !== 'ours') this.controller.abort(new HandlingAbortedError('claim_lost'));
    } catch {
      // Nobody else can claim it either; or only we cannot, and then the next answer tells.
    }
  }
}

/** Spread, because all that waits for the same would else ask at the same time. Ends early when the signal aborts. */
async function pauseFor(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
}
