import type { EntityCommandClass } from '../../entity/generic.command.js';
import type { Command } from '../../message/command.js';
import type { Outcome } from '../../protocol/outcome.js';
import type { LateContext } from '../handling/handler.context.js';
import type { PayloadClass } from '../../entity/payload.class.js';
import { declare, type Method, type ReplyMode, type Resolved } from './method.declaration.js';

/** How a command is answered. */
export interface CommandHandlerOptions<L extends string = string> {
  /**
   * `result`: what the method returns, or throws, ends the request. `later`: only what it throws does; any message that follows
   * from the command may end it with {@link MessagePublisher.reply}.
   * @default 'result'
   */
  readonly reply?: ReplyMode;
  /**
   * Name of a method of the same class that is told of an answer that came too late: the log holds the command's time-out first,
   * so its client was told `timeout`, and every reader drops the answer. It is called with `(outcome, context)`: what the method,
   * or {@link MessagePublisher.reply}, answered, of whatever status, and a {@link LateContext}. What it publishes follows from the
   * request and is carried out however late it is, as a compensation must be.
   *
   * Whether an answer is late the log decides and no clock: the answer is read back from it, so this comes a moment after the
   * method has ended, in the order of the session's own messages. It is called once for each request; again, as any handler,
   * after a crash before it is committed, unless there is an inbox. What it throws sends the answer to the dead letters (`failed`).
   * A method that heeds its signal and throws gives no late answer, and a method that dies gives none at all.
   *
   * It is **not** called where answers go elsewhere than to the command's own topic (the crumb `reply`; gateways of this package
   * always name the command's own partition), because the service does not read them there.
   */
  readonly onLate?: L;
}

// A parameter that is decorated may be anything; the one that is not is the command. Types see no decorators, so only a
// parameter that is a command of something else can be told to be wrong.
type TakesCommand<T, M extends Method> = Parameters<M>[0] extends Command
  ? Command<T> extends Parameters<M>[0]
    ? unknown
    : { 'This command carries another class': T }
  : unknown;

// Where a method returns nothing a reply may answer for it, whose type nobody knows here: what takes it may expect anything.
type Answered<M extends Method> = [Resolved<M>] extends [void] ? never : Resolved<M>;

/** A class that has the method which is told of late answers; it has to be public to be seen. */
type Told<L extends string, M extends Method> = Record<
  L,
  (outcome: Outcome<Answered<M>>, context: LateContext) => unknown
>;

/** What a generic command is answered with is what its client expects, and what its event carries. */
type Answers<C, M extends Method> = [C] extends [EntityCommandClass<infer P, infer R>]
  ? [P, Resolved<M>] extends [object, R]
    ? unknown
    : { 'The method must return what the generic command is answered with': R }
  : unknown;

/**
 * The method handles the commands that carry a class. It is called with `(command, context)`, or as its parameters are
 * decorated: `@Payload()`, `@Payload('amount')`, `@Ctx()`. The payload is an instance of the class that passed validation,
 * for guards and interceptors too.
 *
 * What it returns is the result (`success`). `CommandRejectedError`, `RpcException` and HTTP exceptions 4xx make it
 * `rejected`, all else `failed`: the client learns nothing but that, the log everything.
 *
 * @param payload a class with `@CommandAddress`, or a generic command such as `Create(Lot)`, whose event is published by itself
 *
 * @example
 * ```ts
 * @CommandHandler(PlaceBid)
 * async place(command: Command<PlaceBid>, context: CommandContext): Promise<Bid> { … }
 * ```
 */
export function CommandHandler<T extends object, L extends string = never, C extends PayloadClass<T> = PayloadClass<T>>(
  payload: C & PayloadClass<T>,
  options: CommandHandlerOptions<L> = {},
) {
  return <M extends Method>(
    target: object & Told<NoInfer<L>, M>,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<M> & TakesCommand<T, M> & Answers<C, M>,
  ): void =>
    declare('CommandHandler', target, name, descriptor, ({ commands }) =>
      commands.push({ payload, reply: options.reply ?? 'result', onLate: options.onLate }),
    );
}

/** {@link CommandHandler} for applications that also use the decorator of that name from @nestjs/cqrs. */
export const KafkaCommandHandler = CommandHandler;
