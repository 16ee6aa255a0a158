import { Injectable, Logger } from '@nestjs/common';
import { messageOf } from '../../kafka-socket.error.js';
import { decodePayload } from '../../message/cloud-events.codec.js';
import type { Outcome, InvalidProperty } from '../../protocol/outcome.js';
import { followUp } from '../../message/follow-up.js';
import { MalformedMessageError } from '../../message/message.errors.js';
import type { OutgoingRecord } from '../../message/record.js';
import type { Deadline } from '../../timeout/deadline.js';
import { DeadlinePassedError } from '../../timeout/timeout.errors.js';
import { type Arrival, messageWith, placeOf } from '../dispatch/arrival.js';
import type { Handler, Publication } from '../declaration/handler.js';
import type { Handled } from './handler.context.js';
import { type Answer, Returned } from './handler.invoker.js';
import { abortedFor, Handling, isAbort } from './handling.js';
import type { Keeping } from '../inbox/handled.once.js';
import type { Outbox } from '../inbox/outbox.js';
import { HandlingBounds } from './handling.bounds.js';
import { HandlingScope } from './handling.scope.js';
import { eventPayload, outgoing } from '../publishing/outgoing.record.js';
import { PayloadValidator } from './payload.validator.js';
import type { Invalid, Validated } from './validated.js';
import { namingRoot } from '../publishing/root.command.js';
import { InvalidHandlerError } from '../service.errors.js';
import { ServiceMetrics } from '../service.metrics.js';
import { ServiceOptions } from '../service.options.js';
import { INTERNAL, outcomeOf, outcomeOfAnswer } from './thrown.outcome.js';
import { endOf, givenUp, type Verdict } from './verdict.js';

const UNDECODABLE: Outcome = {
  status: 'failed',
  code: 'UNDECODABLE',
  message: 'The command could not be read.',
};

/** A method that was called, and how it ended. */
interface Called {
  readonly handling: Handling;
  readonly answer: Answer;
}

/** Brings one record to one method, and what came of it into one form. It throws nothing and publishes nothing. */
@Injectable()
export class HandlerCaller {
  private readonly logger = new Logger('KafkaSocketService');

  constructor(
    private readonly validator: PayloadValidator,
    private readonly scope: HandlingScope,
    private readonly options: ServiceOptions,
    private readonly metrics: ServiceMetrics,
  ) {}

  /**
   * @param deadline its timer runs while the method does, and not longer
   * @param keeping where there is an inbox
   */
  async call(handler: Handler, arrival: Arrival, deadline: Deadline, keeping?: Keeping): Promise<Verdict> {
    const ended = this.metrics.begun(handler.label, arrival.record.timestamp);
    const verdict = await this.verdict(handler, arrival, deadline, keeping);
    ended(endOf(arrival, verdict));
    return verdict;
  }

  private async verdict(handler: Handler, arrival: Arrival, deadline: Deadline, keeping?: Keeping): Promise<Verdict> {
    try {
      const payload = decodePayload(arrival.envelope.type, arrival.record.value);
      const { handlerTimeout: timeout } = this.options;
      using bounds = new HandlingBounds({ deadline, timeout, owner: arrival.signal, lost: keeping?.lost });
      try {
        // Validation too: a constraint of the application's own may ask a database that never answers.
        const called = await bounds.within(() => this.run(handler, arrival, payload, bounds, keeping?.outbox));
        return 'problems' in called ? invalid(called.problems) : this.judge(handler, arrival, called);
      } catch (error) {
        return this.judgeError(handler, arrival, bounds, error);
      }
    } catch (error) {
      if (error instanceof MalformedMessageError) return givenUp(UNDECODABLE, 'undecodable', error);
      return this.failed(handler, arrival, error); // whatever it is: the key must go on
    }
  }

  private async run(
    handler: Handler,
    arrival: Arrival,
    payload: Handled,
    bounds: HandlingBounds,
    outbox?: Outbox,
  ): Promise<Called | Invalid> {
    const checked = await this.check(handler, payload);
    if (checked.problems) return checked;
    bounds.throwIfOver();
    const message = namingRoot(messageWith(arrival.envelope, { ...payload, data: checked.data } as Handled));
    const handling = new Handling(message, arrival.record, bounds, outbox);
    const answer = await this.scope.run(handling, () => handler.invoke(handling));
    return { handling, answer };
  }

  private check({ payload }: Handler, { data }: Handled): Promise<Validated> | Validated {
    return payload ? this.validator.validate(payload, data) : { data: data as object };
  }

  private judge(handler: Handler, arrival: Arrival, { handling, answer }: Called): Verdict {
    if (answer instanceof Returned) {
      const events = eventsOf(handler, handling, answer.value, `/${this.options.name}`);
      return { outcome: { status: 'success', value: answer.value }, events };
    }
    return this.failed(handler, arrival, answer.error, outcomeOfAnswer(answer));
  }

  private judgeError(handler: Handler, arrival: Arrival, bounds: HandlingBounds, error: unknown): Verdict {
    if (abortedFor(error, 'handler_timeout')) return this.overran(handler, arrival, error);
    const { reason } = bounds.signal;
    if (isAbort(error, bounds) && reason instanceof DeadlinePassedError) {
      return givenUp({ status: 'timeout' }, 'expired', reason);
    }
    return this.failed(handler, arrival, error, outcomeOf(error));
  }

  private overran(handler: Handler, arrival: Arrival, error: unknown): Verdict {
    // Where the record is no longer ours, it goes to whoever has it now and not to the dead letters.
    if (!arrival.signal.aborted)
      this.logger.warn(
        `${handler.label} has not ended ${this.options.handlerTimeout} ms after it was given ${placeOf(arrival)}. The record goes to the dead letters and its key goes on. Heed context.signal, or raise handlers.handlerTimeout.`,
      );
    const message = 'The command took too long.';
    return givenUp({ status: 'failed', code: 'HANDLER_TIMEOUT', message }, 'timeout', error);
  }

  /** A rejection is an outcome like any other; only what nobody intended is worth a line in the log. */
  private failed({ label }: Handler, arrival: Arrival, error: unknown, outcome: Outcome = INTERNAL): Verdict {
    const lost = arrival.signal.aborted; // then whoever has the record now says what becomes of it
    if (outcome.status === 'failed' && !lost) {
      const stack = error instanceof Error ? error.stack : undefined;
      this.logger.error(`${label} failed on ${placeOf(arrival)}: ${messageOf(error)}`, stack);
    }
    return givenUp(outcome, 'failed', error);
  }
}

function invalid(errors: readonly InvalidProperty[]): Verdict {
  const sentences = errors.map(({ path, constraints }) => `${path || 'payload'}: ${constraints.join(', ')}`);
  return givenUp({ status: 'invalid', errors }, 'invalid', sentences.join('; '));
}

/** What the handler's `@EventPublisher`s make of the value that it returned. */
function eventsOf(handler: Handler, { message, record }: Handling, value: unknown, source: string): OutgoingRecord[] {
  if (value === undefined || value === null) return [];
  return handler.publications.map((publication) => {
    const { topic, key, ...event } = publication;
    const place = { topic, key: key ? keyFor(value, handler, publication) : record.key };
    return outgoing(followUp(message, source, eventPayload(event, value)), place);
  });
}

/** Types are gone by now, and the log takes nothing but text: a number would be refused there, without the method's name. */
function keyFor(value: unknown, { label }: Handler, { key, entity, eventType }: Publication): string {
  const made: unknown = key!(value);
  if (typeof made === 'string') return made;
  const found = made === null ? 'null' : typeof made === 'undefined' ? 'undefined' : `a ${typeof made}`;
  throw new InvalidHandlerError([
    `${label}: the key function of its @EventPublisher for ${entity}.${eventType} returned ${found}, and a key is a string. Return String(…).`,
  ]);
}
