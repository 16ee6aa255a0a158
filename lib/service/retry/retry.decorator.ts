import { declare, type Method } from '../declaration/method.declaration.js';
import { type RetryOptions, retryPolicy } from './retry.options.js';

/**
 * The method, which has `@CommandHandler` or `@EventHandler` too, is called again for a message that it failed on: at most
 * `attempts` times in all, never before its pause is over, and of a command never after its deadline. How often it was called, and
 * when it is due, survives a restart, a crash and a rebalance. Guards, pipes and interceptors are a part of each call.
 *
 * After the last attempt the record goes to the dead letters, and the client of a command learns `failed`: then, and not before.
 *
 * @example
 * ```ts
 * @CommandHandler(Pay)
 * @Retry({ attempts: 6, order: 'out-of-order', on: (error) => error instanceof BankAwayError })
 * async pay(command: Command<Pay>, context: CommandContext): Promise<Receipt> { … }
 * ```
 */
export function Retry(options: RetryOptions = {}) {
  return <M extends Method>(target: object, name: string | symbol, descriptor: TypedPropertyDescriptor<M>): void =>
    declare('Retry', target, name, descriptor, ({ retries }) =>
      retries.push({ policy: retryPolicy(options), given: options }),
    );
}
