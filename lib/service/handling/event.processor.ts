import { Injectable } from '@nestjs/common';
import { DEAD_LETTER_HEADERS } from '../../message/dead-letter.headers.js';
import type { Event } from '../../message/event.js';
import { headerText } from '../../message/record.headers.js';
import { Deadline } from '../../timeout/deadline.js';
import { type Arrival, messageWith } from '../dispatch/arrival.js';
import { DeadLetters } from '../publishing/dead-letter.js';
import { EventWriter } from '../publishing/event.writer.js';
import { HandlerCaller } from './handler.caller.js';
import { HandledOnce, type Keeping } from '../inbox/handled.once.js';
import { OutcomeWriter } from '../publishing/outcome.writer.js';
import { concluded, processing } from '../../tracing/process.span.js';
import { ServiceOptions } from '../service.options.js';
import type { Handler } from '../declaration/handler.js';
import { Later } from '../retry/later.js';
import { attemptsMade, Retries } from '../retry/retries.js';
import { endOf, type Verdict, whyGivenUp } from './verdict.js';

/** Lets all handlers of an event see it, and puts what came of it into the log. */
@Injectable()
export class EventProcessor {
  constructor(
    private readonly once: HandledOnce,
    private readonly caller: HandlerCaller,
    private readonly retries: Retries,
    private readonly outcomes: OutcomeWriter,
    private readonly events: EventWriter,
    private readonly deadLetters: DeadLetters,
    private readonly options: ServiceOptions,
  ) {}

  /**
   * Resolves when the record may be committed, or with when, and by whom, it is to be handled again.
   * @throws where the record stopped being ours before that
   */
  async process(handlers: readonly Handler[], arrival: Arrival): Promise<Later | undefined> {
    // All to their end, also where one fails: the key's lane is free only when nobody is at work in it.
    const meant = handlers.filter(isMeantBy(arrival));
    const ended = await Promise.allSettled(meant.map((handler) => this.traced(handler, arrival)));
    const failed = ended.find((one) => one.status === 'rejected');
    if (failed) throw failed.reason;
    return soonest(ended.flatMap((one) => (one.status === 'fulfilled' && one.value ? [one.value] : [])));
  }

  private async traced(handler: Handler, arrival: Arrival): Promise<Later | undefined> {
    const { name } = this.options;
    const rest = this.retries.rest(handler, arrival);
    return rest ?? processing(arrival, handler.label, name, () => this.handle(handler, arrival));
  }

  private async handle(handler: Handler, given: Arrival): Promise<Later | undefined> {
    const turn = await this.retries.turn(handler, given, async (arrival, attempt) => {
      const carryOut = (keeping?: Keeping) =>
        // The deadline of a request stops commands only: an event has happened, however late it is read.
        attempt(() => this.caller.call(handler, arrival, new Deadline(undefined), keeping));
      const verdict = await this.once.call(handler, arrival, carryOut);
      concluded(endOf(arrival, verdict), verdict.error, arrival.envelope.breadCrumbs.attempt);
      return verdict;
    });
    if (!('verdict' in turn)) return turn.later;
    await this.tell(handler, turn.arrival, turn.verdict);
    return undefined;
  }

  /** Puts all that came of it into the log. */
  private async tell(handler: Handler, arrival: Arrival, verdict: Verdict): Promise<void> {
    const { record, envelope, signal } = arrival;
    const { reason, events, replies = [] } = verdict;
    if (reason !== undefined) signal.throwIfAborted();
    const unanswered = await this.outcomes.replyHeld(messageWith(envelope, eventOf(handler)), replies, signal);
    const refused = await this.events.write(handler, arrival, events);
    const why = whyGivenUp(verdict, [...unanswered, ...refused]);
    if (!why) return;
    const attempts = attemptsMade(envelope, verdict);
    await this.deadLetters.add(record, { ...why, attempts, handler: handler.label }, signal);
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

/** When the first of several handlers is due. Those that are not are asked then too, and say so again. */
function soonest(laters: readonly Later[]): Later | undefined {
  if (laters.length === 0) return undefined;
  return new Later(
    Math.min(...laters.map(({ due }) => due)),
    laters.flatMap(({ handlers }) => handlers),
  );
}

/** The event that a handler handles, without its data. */
function eventOf({ name }: Handler): Event {
  const [entity = '', eventType = ''] = name.split('.');
  return { kind: 'event', name, entity, eventType, data: undefined };
}
