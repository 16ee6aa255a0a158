import type { Command } from '../../message/command.js';
import { declare, type Method, type PayloadClass, type ReplyMode } from './method.declaration.js';

/** How a command is answered. */
export interface CommandHandlerOptions {
  /**
   * `result`: what the method returns, or throws, ends the request. `later`: only what it throws does; any message that follows
   * from the command may end it with {@link MessagePublisher.reply}.
   * @default 'result'
   */
  readonly reply?: ReplyMode;
}

// A parameter that is decorated may be anything; the one that is not is the command. Types see no decorators, so only a
// parameter that is a command of something else can be told to be wrong.
type TakesCommand<T, M extends Method> = Parameters<M>[0] extends Command
  ? Command<T> extends Parameters<M>[0]
    ? unknown
    : { 'This command carries another class': T }
  : unknown;

/**
 * The method handles the commands that carry a class. It is called with `(command, context)`, or as its parameters are
 * decorated: `@Payload()`, `@Payload('amount')`, `@Ctx()`. The payload is an instance of the class that passed validation,
 * for guards and interceptors too.
 *
 * What it returns is the result (`success`). `CommandRejectedError`, `RpcException` and HTTP exceptions 4xx make it
 * `rejected`, all else `failed`: the client learns nothing but that, the log everything.
 *
 * @param payload a class with `@CommandAddress`
 *
 * @example
 * ```ts
 * @CommandHandler(PlaceBid)
 * async place(command: Command<PlaceBid>, context: CommandContext): Promise<Bid> { … }
 * ```
 */
export function CommandHandler<T extends object>(payload: PayloadClass<T>, options: CommandHandlerOptions = {}) {
  return <M extends Method>(
    target: object,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<M> & TakesCommand<T, M>,
  ): void =>
    declare('CommandHandler', target, name, descriptor, ({ commands }) =>
      commands.push({ payload, reply: options.reply ?? 'result' }),
    );
}

/** {@link CommandHandler} for applications that also use the decorator of that name from @nestjs/cqrs. */
export const KafkaCommandHandler = CommandHandler;
