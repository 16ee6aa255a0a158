import { Injectable } from '@nestjs/common';
import { DEAD_LETTER_HEADERS } from '../../message/dead-letter.headers.js';
import type { Event } from '../../message/event.js';
import { headerText } from '../../message/record.headers.js';
import { Deadline } from '../../timeout/deadline.js';
import { type Arrival, messageWith } from '../dispatch/arrival.js';
import { DeadLetters } from '../publishing/dead-letter.js';
import { EventWriter } from '../publishing/event.writer.js';
import { HandlerCaller } from './handler.caller.js';
import { HandledOnce } from '../inbox/handled.once.js';
import { OutcomeWriter } from '../publishing/outcome.writer.js';
import { concluded, processing } from '../../tracing/process.span.js';
import { ServiceOptions } from '../service.options.js';
import type { Handler } from '../declaration/handler.js';
import { whyGivenUp } from './verdict.js';

/** Lets all handlers of an event see it, and puts what came of it into the log. */
@Injectable()
export class EventProcessor {
  constructor(
    private readonly once: HandledOnce,
    private readonly caller: HandlerCaller,
    private readonly outcomes: OutcomeWriter,
    private readonly events: EventWriter,
    private readonly deadLetters: DeadLetters,
    private readonly options: ServiceOptions,
  ) {}

  /**
   * Resolves when the record may be committed.
   * @throws where the record stopped being ours before that
   */
  async process(handlers: readonly Handler[], arrival: Arrival): Promise<void> {
    // All to their end, also where one fails: the key's lane is free only when nobody is at work in it.
    const meant = handlers.filter(isMeantBy(arrival));
    const ended = await Promise.allSettled(meant.map((handler) => this.traced(handler, arrival)));
    const failed = ended.find((one) => one.status === 'rejected');
    if (failed) throw failed.reason;
  }

  private traced(handler: Handler, arrival: Arrival): Promise<void> {
    return processing(arrival, handler.label, this.options.name, () => this.handle(handler, arrival));
  }

  private async handle(handler: Handler, arrival: Arrival): Promise<void> {
    const { record, envelope, signal } = arrival;
    const verdict = await this.once.call(handler, arrival, (keeping) =>
      // The deadline of a request stops commands only: an event has happened, however late it is read.
      this.caller.call(handler, arrival, new Deadline(undefined), keeping),
    );
    const { reason, events, replies } = verdict;
    concluded(verdict.outcome.status, verdict.error);
    if (reason !== undefined) signal.throwIfAborted();
    const unanswered = await this.outcomes.replyHeld(messageWith(envelope, eventOf(handler)), replies, signal);
    const refused = await this.events.write(handler, arrival, events);
    const why = whyGivenUp(verdict, [...unanswered, ...refused]);
    if (!why) return;
    const { attempt } = envelope.breadCrumbs;
    await this.deadLetters.add(record, { ...why, attempts: attempt, handler: handler.label }, signal);
  }
}

/**
 * Which handlers an event is for: all that there are; one that was given up and comes again, only the one that gave it up. The others,
 * here and in other services, are done with it.
 */
function isMeantBy({ record: { headers }, envelope }: Arrival): (handler: Handler) => boolean {
  const isReplay = envelope.type.kind === 'event' && headers[DEAD_LETTER_HEADERS.replays] !== undefined;
  const only = isReplay ? headerText(headers[DEAD_LETTER_HEADERS.handler]) : undefined;
  return ({ label }) => only === undefined || label === only;
}

/** The event that a handler handles, without its data. */
function eventOf({ name }: Handler): Event {
  const [entity = '', eventType = ''] = name.split('.');
  return { kind: 'event', name, entity, eventType, data: undefined };
}
