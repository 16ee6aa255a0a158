import { Injectable } from '@nestjs/common';
import { ContextIdFactory, type DiscoveryService, ExternalContextCreator, ModuleRef } from '@nestjs/core';
import { PARAM_ARGS_METADATA } from '@nestjs/microservices/constants.js';
import { RpcParamtype } from '@nestjs/microservices/enums/rpc-paramtype.enum.js';
import { isObservable, lastValueFrom } from 'rxjs';
import type { HandlerContext } from './handler.context.js';
import type { Handling } from './handling.js';

/** A provider or controller as Nest's container holds it. */
export type Host = ReturnType<DiscoveryService['getProviders']>[number];

/** How a call ended that threw nothing. */
export type Answer = Returned | FilterAnswer;

/** What a handler returned, after its interceptors. */
export class Returned {
  constructor(readonly value: unknown) {}
}

/** What an exception filter made of an error: an answer, but never a success. */
export class FilterAnswer {
  constructor(
    readonly value: unknown,
    readonly error: unknown,
  ) {}
}

type Call = (payload: unknown, context: HandlerContext) => Promise<unknown>;

/** The part of Nest's exceptions handler that is used here. */
interface FilterChain {
  /** What the first filter that matches returned; undefined where none does, or it returned nothing. */
  invokeCustomFilters(error: unknown, host: unknown): unknown;
  next(error: unknown, host: unknown): unknown;
}

/**
 * Calls methods as Nest does: guards, interceptors, pipes and filters apply, global ones too, and `@Payload()` and `@Ctx()`
 * of @nestjs/microservices are understood. The execution context is of type `rpc`.
 */
@Injectable()
export class HandlerInvoker {
  constructor(private readonly external: ExternalContextCreator) {}

  /** Prepares the calls of a method. */
  bind(host: Host, method: string): (handling: Handling) => Promise<Answer> {
    const creator = creatorFor(this.external, host);
    if (host.isDependencyTreeStatic() && !host.isTransient) {
      const call = create(creator, host, host.instance as object, method);
      return (handling) => run(call, handling);
    }
    return async (handling) => run(await this.perMessage(creator, host, method, handling), handling);
  }

  /** An instance for this message alone, or the one of its tenant where the providers are durable. */
  private async perMessage(creator: ExternalContextCreator, host: Host, method: string, handling: Handling) {
    const request = handling.context;
    const contextId = ContextIdFactory.getByRequest(request);
    const module = host.host?.getProviderByKey<ModuleRef>(ModuleRef).instance;
    if (!module) throw new Error(`${host.name} belongs to no module.`);
    const tenant: unknown = contextId.payload;
    module.registerRequestByContextId(host.isDependencyTreeDurable() ? tenant : request, contextId);
    const instance = await module.resolve<object>(host.token as never, contextId);
    return create(creator, host, instance, method, contextId);
  }
}

async function run(call: Call, handling: Handling): Promise<Answer> {
  const { payload } = handling.message;
  const answer = await call(payload.kind === 'result' ? payload.data : payload, handling.context);
  if (answer instanceof Returned || answer instanceof FilterAnswer) return answer;
  return new FilterAnswer(answer, undefined);
}

function create(
  creator: ExternalContextCreator,
  host: Host,
  instance: object,
  method: string,
  contextId?: ReturnType<typeof ContextIdFactory.create>,
): Call {
  return creator.create(
    instance,
    (instance as Record<string, (...args: unknown[]) => unknown>)[method]!,
    method,
    PARAM_ARGS_METADATA,
    { exchangeKeyForValue: parameterValue },
    contextId,
    contextId && host.id,
    { guards: true, interceptors: true, filters: true },
    'rpc',
  ) as Call;
}

/** What a decorated parameter gets; undefined for decorators that belong to HTTP. */
function parameterValue(type: RpcParamtype, property: unknown, [, context]: [unknown, HandlerContext]) {
  if (type === RpcParamtype.CONTEXT) return context;
  if (type !== RpcParamtype.PAYLOAD) return undefined;
  const { data } = context.message.payload;
  if (typeof property !== 'string') return data;
  return (data as Record<string, unknown> | null | undefined)?.[property];
}

/**
 * Nest's creator, changed in three places for one host:
 * - `transformToResult` runs on success only, so what it wraps was returned by the method; whatever else resolves the call
 *   came from a filter.
 * - Nest logs every error that no filter takes, with its stack. Here errors are outcomes: a rejected bid is no news, and what
 *   is gets logged once, with the record that it belongs to.
 * - A controller is no provider, so Nest would not find its module, and would drop its guards without a word.
 */
function creatorFor(external: ExternalContextCreator, host: Host): ExternalContextCreator {
  const proxy = (external as unknown as { externalErrorProxy: { createProxy: CreateProxy } }).externalErrorProxy;
  return Object.create(external, {
    transformToResult: { value: async (result: unknown) => new Returned(await lastValue(result)) },
    externalErrorProxy: {
      value: {
        createProxy: ((target, filters, type) => proxy.createProxy(target, quietly(filters), type)) as CreateProxy,
      },
    },
    getContextModuleKey: { value: () => host.host?.token ?? '' },
  }) as ExternalContextCreator;
}

type CreateProxy = (
  target: (...args: unknown[]) => Promise<unknown>,
  filters: FilterChain,
  type: string,
) => (...args: unknown[]) => Promise<unknown>;

function quietly(filters: FilterChain): FilterChain {
  return {
    invokeCustomFilters: (error, host) => filters.invokeCustomFilters(error, host),
    next: (error, host) => filtered(filters, error, host),
  };
}

async function filtered(filters: FilterChain, error: unknown, host: unknown): Promise<FilterAnswer> {
  const answer: unknown = await filters.invokeCustomFilters(error, host);
  if (answer === undefined) throw error;
  if (!isObservable(answer)) return new FilterAnswer(answer, error);
  // Filters for microservices answer with an Observable that fails, such as `throwError(() => exception.getError())`.
  return new FilterAnswer(await lastValue(answer).catch((failure: unknown) => failure), error);
}

async function lastValue(result: unknown): Promise<unknown> {
  return isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : result;
}
