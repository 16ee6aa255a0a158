import { Inject, Injectable, Logger } from '@nestjs/common';
import { messageOf } from '../../kafka-socket.error.js';
import { RecordRefusedError } from '../../log/log.errors.js';
import type { CommandResult } from '../../message/command.result.js';
import type { Outcome } from '../../protocol/outcome.js';
import { followUp } from '../../message/follow-up.js';
import { MalformedMessageError, UnserializablePayloadError } from '../../message/message.errors.js';
import { isAwaited, isRootCommand } from '../../message/outcome.rule.js';
import type { PlatformMessage } from '../../message/platform-message.js';
import type { LogRecord, OutgoingRecord } from '../../message/record.js';
import { DisarmingInterceptor } from '../../timeout/disarming.interceptor.js';
import { TIMEOUT_SCHEDULER } from '../../timeout/timeout.constants.js';
import type { TimeoutScheduler } from '../../timeout/timeout.scheduler.js';
import type { Reply } from '../inbox/outbox.js';
import { outgoing } from './outgoing.record.js';
import { PersistentPublisher } from './persistent.publisher.js';
import { ServiceOptions } from '../service.options.js';
import { INTERNAL } from '../handling/thrown.outcome.js';

/** The outcome that is in the log now: another one where the log cannot carry the one that was meant. */
export interface Written {
  readonly outcome: Outcome;
  /** Why it is another one. */
  readonly error?: Error;
}

type Place = Pick<OutgoingRecord, 'topic' | 'partition' | 'key'>;

interface Answer extends Partial<Pick<Reply, 'id'>>, Omit<Reply, 'id'> {
  readonly place: Place;
  /** Whether it ends the request. */
  readonly final: boolean;
}

const TOO_LARGE: Outcome = {
  status: 'failed',
  code: 'RESULT_TOO_LARGE',
  message: 'The command was carried out, but its result cannot be delivered.',
};

/** Writes how commands ended. */
@Injectable()
export class OutcomeWriter {
  private readonly logger = new Logger('KafkaSocketService');
  private readonly disarming: DisarmingInterceptor;

  constructor(
    @Inject(TIMEOUT_SCHEDULER) scheduler: TimeoutScheduler,
    private readonly publisher: PersistentPublisher,
    private readonly options: ServiceOptions,
  ) {
    this.disarming = new DisarmingInterceptor(scheduler);
  }

  /** Whether a client waits for what becomes of this very command. */
  isAwaited(command: PlatformMessage): boolean {
    return isRootCommand(command) && isAwaited(command.breadCrumbs);
  }

  /**
   * Writes the answer to a command. It ends the request where the client sent that command; the answer to any other one stands
   * in the command's own topic, under its key, for whoever coordinates a process.
   */
  answer(
    command: PlatformMessage,
    record: LogRecord,
    outcome: Outcome,
    signal: AbortSignal,
    id?: string,
  ): Promise<Written> {
    const { name } = command.payload;
    if (this.isAwaited(command)) return this.end(command, name, outcome, signal, id);
    const place = { topic: record.topic, key: record.key };
    return this.write(command, { id, name, outcome, place, final: false }, signal);
  }

  /**
   * Writes an answer that a method gave with `publisher.reply()`. Where the log can only carry another one, that is a line here.
   * @throws as the log does, where it takes neither
   */
  async reply(cause: PlatformMessage, { id, name, outcome }: Reply, signal?: AbortSignal): Promise<void> {
    const { error } = await this.end(cause, name, outcome, signal, id);
    if (error) this.undeliverable(name, error);
  }

  /**
   * Writes the answers that were held back while a message was handled, whose method cannot be told any more.
   * @returns why the log will never take some of them
   */
  async replyHeld(cause: PlatformMessage, replies: readonly Reply[], signal: AbortSignal): Promise<readonly unknown[]> {
    if (!isAwaited(cause.breadCrumbs)) return [];
    const refused: unknown[] = [];
    for (const reply of replies) {
      try {
        await this.reply(cause, reply, signal);
      } catch (error) {
        signal.throwIfAborted();
        this.undeliverable(reply.name, error);
        refused.push(error);
      }
    }
    return refused;
  }

  /**
   * Writes the one outcome of the request that a message follows from, then takes its time-out back.
   * @param name of the command that the client sent
   * @param id of the result's message; left out: a new one
   */
  end(cause: PlatformMessage, name: string, outcome: Outcome, signal?: AbortSignal, id?: string): Promise<Written> {
    const { reply, sessionId, timeoutId } = cause.breadCrumbs;
    const place = { ...reply!, key: sessionId ?? null };
    return this.disarming.run(timeoutId, () => this.write(cause, { id, name, outcome, place, final: true }, signal));
  }

  private undeliverable(name: string, error: unknown): void {
    const stack = error instanceof Error ? error.stack : undefined;
    this.logger.error(`A reply to ${name} cannot be delivered: ${messageOf(error)}`, stack);
  }

  private async write(cause: PlatformMessage, answer: Answer, signal?: AbortSignal): Promise<Written> {
    const { name, outcome, place, final } = answer;
    const result = (data: Outcome): OutgoingRecord => {
      const made = followUp(cause, `/${this.options.name}`, { kind: 'result', name, data } satisfies CommandResult);
      const message = { ...made, id: answer.id ?? made.id };
      return final ? outgoingFinal(message, place) : outgoing(message, place);
    };
    try {
      await this.publisher.publish(result(outcome), signal);
      return { outcome };
    } catch (error) {
      const instead = substituteFor(error);
      if (!instead) throw error;
      await this.publisher.publish(result(instead), signal);
      return { outcome: instead, error: error as Error };
    }
  }
}

/** The result that ends a request. What nobody needs to deliver it is left out where its crumbs would be too many. */
function outgoingFinal(message: PlatformMessage, place: Place): OutgoingRecord {
  const breadCrumbs = { ...message.breadCrumbs, final: true };
  try {
    return outgoing({ ...message, breadCrumbs }, place);
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    // The causation and `final` are more than the command carried, whose own crumbs may have been all that a header holds.
    const { user: _user, others: _others, ...needed } = breadCrumbs;
    return outgoing({ ...message, breadCrumbs: needed }, place);
  }
}

/** What the client is told where the result cannot be written at all. */
function substituteFor(error: unknown): Outcome | undefined {
  if (error instanceof UnserializablePayloadError) return INTERNAL;
  return error instanceof RecordRefusedError ? TOO_LARGE : undefined;
}
