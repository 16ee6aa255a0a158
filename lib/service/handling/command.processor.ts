import { Inject, Injectable, Logger } from '@nestjs/common';
import { messageOf } from '../../kafka-socket.error.js';
import type { Command } from '../../message/command.js';
import type { Outcome } from '../../protocol/outcome.js';
import type { PlatformMessage } from '../../message/platform-message.js';
import { Deadline } from '../../timeout/deadline.js';
import { SparingLog } from '../../timeout/sparing.log.js';
import { TIMEOUT_SCHEDULER } from '../../timeout/timeout.constants.js';
import type { TimeoutScheduler } from '../../timeout/timeout.scheduler.js';
import { type Arrival, messageWith, placeOf } from '../dispatch/arrival.js';
import { DeadLetters } from '../publishing/dead-letter.js';
import { EventWriter } from '../publishing/event.writer.js';
import { HandlerCaller } from './handler.caller.js';
import { HandledOnce, type Keeping } from '../inbox/handled.once.js';
import type { Handler } from '../declaration/handler.js';
import { OutcomeWriter } from '../publishing/outcome.writer.js';
import { concluded, processing } from '../../tracing/process.span.js';
import { ServiceOptions } from '../service.options.js';
import type { Later } from '../retry/later.js';
import { attemptsMade, Retries } from '../retry/retries.js';
import { endOf, givenUp, type Verdict, whyGivenUp } from './verdict.js';

/** Carries a command out, and puts all that came of it into the log. */
@Injectable()
export class CommandProcessor {
  private readonly logger = new Logger('KafkaSocketService');
  private readonly expiries = new SparingLog(this.logger);

  constructor(
    private readonly once: HandledOnce,
    private readonly caller: HandlerCaller,
    private readonly retries: Retries,
    private readonly outcomes: OutcomeWriter,
    private readonly events: EventWriter,
    private readonly deadLetters: DeadLetters,
    @Inject(TIMEOUT_SCHEDULER) private readonly scheduler: TimeoutScheduler,
    private readonly options: ServiceOptions,
  ) {}

  /**
   * Resolves when the record may be committed, or with when it is to be handled again.
   * @throws where the record stopped being ours before that
   */
  process(handler: Handler, arrival: Arrival): Promise<Later | undefined> {
    if (arrival.ending === 'answered') return this.resend(handler, this.retries.lastSeen(handler, arrival));
    const rest = this.retries.rest(handler, arrival);
    return rest ? Promise.resolve(rest) : this.traced(handler, arrival, () => this.handle(handler, arrival));
  }

  private traced<T>(handler: Handler, arrival: Arrival, work: () => Promise<T>): Promise<T> {
    return processing(arrival, handler.label, this.options.name, work);
  }

  private async handle(handler: Handler, given: Arrival): Promise<Later | undefined> {
    const turn = await this.retries.turn(handler, given, async (arrival, attempt) => {
      const carryOut = (keeping?: Keeping) => attempt(() => this.carryOut(handler, arrival, keeping));
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
    // What an aborted handler throws says nothing of the command. What it did all the same is done, and is told as ever: the
    // next owner may still find the answer before it comes to the command.
    if (verdict.reason !== undefined) arrival.signal.throwIfAborted();
    const command = messageWith(arrival.envelope, { kind: 'command', name: handler.name, data: undefined });
    const { replies, events } = verdict;
    const unanswered = replies ? await this.outcomes.replyHeld(command, replies, arrival.signal) : [];
    const answer = this.answer(handler, command, arrival, verdict);
    // Side by side: both are in the next request to the brokers, and neither waits for the other.
    const refused = events.length > 0 ? await both(answer, this.events.write(handler, arrival, events)) : await answer;
    await this.giveUp(handler, arrival, verdict, [...unanswered, ...refused]);
  }

  /**
   * The previous owner has answered it, and had no time left to commit it, nor perhaps to write the events. Where there is an
   * inbox they are written again, with the ids that they had.
   */
  private async resend(handler: Handler, arrival: Arrival): Promise<undefined> {
    const verdict = await this.once.recall(handler, arrival);
    if (!verdict) return;
    await this.traced(handler, arrival, async () => {
      const refused = await this.events.write(handler, arrival, verdict.events);
      await this.giveUp(handler, arrival, verdict, refused);
    });
  }

  private carryOut(handler: Handler, arrival: Arrival, keeping?: Keeping): Promise<Verdict> {
    const deadline = this.deadlineOf(arrival);
    const late = arrival.ending === 'timeout' || deadline.expired();
    return late ? Promise.resolve(this.tooLate(arrival)) : this.caller.call(handler, arrival, deadline, keeping);
  }

  /** Later than the command says by what clocks may differ: one that is ahead of the gateway's must not drop what is in time. */
  private deadlineOf({ envelope }: Arrival): Deadline {
    const { deadline } = envelope.breadCrumbs;
    const { clockSkew } = this.scheduler;
    return new Deadline(deadline === undefined ? undefined : deadline + clockSkew, () => this.scheduler.now());
  }

  private tooLate(arrival: Arrival): Verdict {
    this.expiries.warn(`Not carried out, because its deadline has passed: ${placeOf(arrival)}`);
    return { ...givenUp({ status: 'timeout' }, 'expired'), uncalled: true };
  }

  /** Puts the answer into the log, unless a follow-up will. @returns why the log does not take it */
  private async answer(
    handler: Handler,
    command: PlatformMessage<Command>,
    { record, signal }: Arrival,
    verdict: Verdict,
  ): Promise<readonly unknown[]> {
    const outcome = this.outcomeToWrite(handler, command, verdict);
    if (!outcome) return [];
    try {
      const { error } = await this.outcomes.answer(command, record, outcome, signal, verdict.resultId);
      return error ? this.undeliverable(handler, error) : [];
    } catch (error) {
      signal.throwIfAborted();
      return this.undeliverable(handler, error);
    }
  }

  private outcomeToWrite(handler: Handler, command: PlatformMessage, { outcome }: Verdict): Outcome | undefined {
    if (outcome.status === 'success') return handler.reply === 'later' ? undefined : outcome;
    if (outcome.status !== 'timeout') return outcome;
    // The scheduler, or the gateway, says the same; one more is harmless, and both may be down.
    if (!this.outcomes.isAwaited(command)) return undefined;
    return { ...outcome, code: 'TIMEOUT', message: `"${handler.name}" was not finished before its deadline.` };
  }

  private undeliverable({ label }: Handler, error: unknown): readonly unknown[] {
    this.logger.error(`What ${label} returned cannot be delivered: ${messageOf(error)}`);
    return [error];
  }

  /** `invalid` and `rejected` are answers. What failed, was too late or cannot be told, somebody may want to look at. */
  private giveUp(
    { label }: Handler,
    { record, envelope, signal }: Arrival,
    verdict: Verdict,
    refused: readonly unknown[],
  ): Promise<void> | undefined {
    const { status } = verdict.outcome;
    const isAnswer = status === 'invalid' || status === 'rejected';
    const why = whyGivenUp(isAnswer ? {} : verdict, refused);
    if (!why) return undefined;
    const attempts = attemptsMade(envelope, verdict);
    return this.deadLetters.add(record, { ...why, attempts, handler: label }, signal);
  }
}

async function both<T>(one: Promise<readonly T[]>, other: Promise<readonly T[]>): Promise<readonly T[]> {
  return (await Promise.all([one, other])).flat();
}
