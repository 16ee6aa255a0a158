import 'reflect-metadata';
import { ENTRY_PROVIDER_WATERMARK } from '@nestjs/common/constants.js';
import type { Observable } from 'rxjs';
import type { PayloadClass } from '../../entity/payload.class.js';
import type { RetryOptions, RetryPolicy } from '../retry/retry.options.js';
import { InvalidHandlerError } from '../service.errors.js';

/** Whether a command is answered by what its handler returns, or later by a follow-up. */
export type ReplyMode = 'result' | 'later';

/** The data of an event as the key of its record. */
export type EventKey<T> = (data: T) => string;

/** One `@CommandHandler` on a method. */
export interface CommandDeclaration {
  readonly payload: PayloadClass;
  readonly reply: ReplyMode;
  /** Name of the method that is told of answers that came too late. */
  readonly onLate?: string;
}

/** One `@EventHandler` on a method. */
export interface EventDeclaration {
  readonly payload: PayloadClass;
  readonly eventType: string;
}

/** One `@EventPublisher` on a method. */
export interface PublicationDeclaration extends EventDeclaration {
  readonly key?: EventKey<never>;
}

/** One `@Retry` on a method. */
export interface RetryDeclaration {
  readonly policy: RetryPolicy;
  /** As it was written. */
  readonly given: RetryOptions;
}

/** All that our decorators say about one method. */
export interface MethodDeclaration {
  readonly commands: CommandDeclaration[];
  readonly events: EventDeclaration[];
  readonly publications: PublicationDeclaration[];
  readonly retries: RetryDeclaration[];
}

/** Any method, whatever it takes. */
export type Method = (...args: never[]) => unknown;

/** What a method gives in the end. */
export type Resolved<M extends Method> = ReturnType<M> extends Observable<infer V> ? V : Awaited<ReturnType<M>>;

// Private: @nestjs/cqrs has decorators of the same names, and its keys are strings that anyone may read and write.
const DECLARATION = Symbol('kafka-socket:method');

/** What the decorators of a method said; undefined where it has none of ours. */
export function declarationOf(method: unknown): MethodDeclaration | undefined {
  return typeof method === 'function'
    ? (Reflect.getOwnMetadata(DECLARATION, method) as MethodDeclaration | undefined)
    : undefined;
}

/**
 * Adds to what is declared about a method.
 * @throws {InvalidHandlerError} `handler_invalid`: what is decorated is no method
 */
export function declare(
  decorator: string,
  target: object,
  name: string | symbol,
  descriptor: PropertyDescriptor | undefined,
  add: (declaration: MethodDeclaration) => void,
): void {
  const method: unknown = descriptor?.value;
  if (typeof method !== 'function') {
    throw new InvalidHandlerError([
      `${target.constructor.name}.${String(name)} is no method, so @${decorator} cannot call it. Write it as a method: ${String(name)}(command) { … }.`,
    ]);
  }
  const declaration = declarationOf(method) ?? { commands: [], events: [], publications: [], retries: [] };
  add(declaration);
  Reflect.defineMetadata(DECLARATION, declaration, method);
  // What Nest's resolvers and gateways carry: without it a request-scoped APP_GUARD would silently not apply here.
  Reflect.defineMetadata(ENTRY_PROVIDER_WATERMARK, true, target.constructor);
}
