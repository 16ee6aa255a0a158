import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, Logger, Optional } from '@nestjs/common';
import { messageOf } from '../../kafka-socket.error.js';
import type { MessageEnvelope } from '../../message/cloud-events.codec.js';
import { isRootCommand } from '../../message/outcome.rule.js';
import { SparingLog } from '../../timeout/sparing.log.js';
import type { Handler } from '../declaration/handler.js';
import { type Arrival, placeOf } from '../dispatch/arrival.js';
import { givenUp, type Verdict } from '../handling/verdict.js';
import { INTERNAL } from '../handling/thrown.outcome.js';
import { completionOf, verdictOf } from './completion.codec.js';
import { deliveryKey } from './delivery.key.js';
import type { Completion, Delivery, Handle, Inbox } from './inbox.js';
import { INBOX } from './inbox.constants.js';
import { Outbox } from './outbox.js';

/** First and longest pause before an inbox that failed is asked again, in milliseconds. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5_000;

/** How often a handler runs whose completion an inbox does not take: a conflict may be gone the next time, a bug is not. */
const TRIES = 5;

/** What an inbox gives to a handling. */
export interface Keeping {
  readonly outbox: Outbox;
  /** Aborts when somebody else handles the message by now. */
  readonly lost?: AbortSignal;
}

/** Calls the method. */
export type Call = (keeping?: Keeping) => Promise<Verdict>;

/** Stands between the records and the methods: what was handled before is not handled again. Without an inbox it is not there. */
@Injectable()
export class HandledOnce {
  private readonly logger = new SparingLog(new Logger('KafkaSocketService'));

  constructor(@Optional() @Inject(INBOX) private readonly inbox?: Inbox) {}

  /**
   * What came of a message: now, or when it was handled before.
   * @throws where the record stopped being ours before that is known
   */
  call(handler: Handler, arrival: Arrival, call: Call): Promise<Verdict> {
    return this.inbox ? this.kept(this.inbox, handler, arrival, call) : call();
  }

  /** What is kept of a message that has its answer already, and must not be handled in any case. */
  async recall(handler: Handler, arrival: Arrival): Promise<Verdict | undefined> {
    if (!this.inbox) return undefined;
    const verdict = await this.call(handler, arrival, () => Promise.reject(new Unkept(NOTHING)));
    return verdict === NOTHING ? undefined : verdict;
  }

  private async kept(inbox: Inbox, handler: Handler, arrival: Arrival, call: Call): Promise<Verdict> {
    let tries = 0;
    const handle: Handle = async (lost) => {
      const completion = await keep(arrival, call, lost);
      tries++;
      return completion;
    };
    for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      try {
        return verdictOf(await inbox.run(deliveryOf(handler, arrival), handle), arrival.envelope.id);
      } catch (error) {
        if (error instanceof Unkept) return error.verdict;
        arrival.signal.throwIfAborted();
        if (tries >= TRIES) return this.refused(handler, arrival, error);
        this.logger.warn(`${handler.label} waits for its inbox: ${messageOf(error)}`);
      }
      await sleep(pause, undefined, { signal: arrival.signal }).catch(() => undefined);
    }
  }

  private refused({ label }: Handler, arrival: Arrival, error: unknown): Verdict {
    this.logger.warn(
      `The inbox did not keep what came of ${label} in ${TRIES} tries, and it is given up: ${placeOf(arrival)}: ${messageOf(error)}`,
    );
    return givenUp(INTERNAL, 'failed', error);
  }
}

const NOTHING: Verdict = givenUp(INTERNAL);

/** Tells an inbox that nothing must be kept, and us what there is. Never leaves this file. */
class Unkept extends Error {
  constructor(readonly verdict: Verdict) {
    super('This handling is not kept.');
  }
}

async function keep({ signal, envelope }: Arrival, call: Call, lost?: AbortSignal): Promise<Completion> {
  const outbox = new Outbox();
  const verdict = await call({ outbox, lost }).finally(() => outbox.close());
  if (verdict.again) throw new Unkept(verdict); // the claim is given back over the pause, and what was published is dropped
  if (verdict.reason !== undefined) {
    signal.throwIfAborted();
    lost?.throwIfAborted();
    if (!isAnswer(verdict, envelope)) throw new Unkept(verdict);
  }
  return completionOf(verdict, envelope.id, outbox.close());
}

/**
 * Whether somebody waits for how it ended: a client, or the service that sent a command. All else becomes a dead letter, which may be
 * sent again under the same id.
 */
function isAnswer({ outcome: { status } }: Verdict, envelope: MessageEnvelope): boolean {
  if (envelope.type.kind !== 'command') return false;
  return isRootCommand(envelope) || status === 'invalid' || status === 'rejected';
}

function deliveryOf(handler: Handler, { record, envelope, signal }: Arrival): Delivery {
  const { topic, partition, offset } = record;
  const { type: _type, ...message } = envelope;
  return {
    key: deliveryKey(handler, envelope),
    handler: handler.label,
    message,
    place: { topic, partition, offset },
    signal,
  };
}
