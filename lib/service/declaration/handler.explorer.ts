import { Injectable } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { type Address, commandAddressOf } from '../../entity/command-address.decorator.js';
import { declarationProblems } from './declaration.rules.js';
import { enhancerProblems } from './enhancer.rules.js';
import { entityPublications } from './entity.publication.js';
import { eventEntityOf } from '../../entity/event-entity.decorator.js';
import { type FoundMethod, labelOf, methodNamed } from './found.method.js';
import type { Handler, Publication } from './handler.js';
import { HandlerInvoker, type Host } from '../handling/handler.invoker.js';
import { HandlerRegistry } from './handler.registry.js';
import { declarationOf, type EventKey } from './method.declaration.js';
import { mixUpProblems, staticProblems } from './mix-up.rules.js';
import { overrideProblems } from './override.rules.js';
import { InvalidHandlerError } from '../service.errors.js';
import { ServiceOptions } from '../service.options.js';

/** Finds the methods that handle messages, in providers and controllers. */
@Injectable()
export class HandlerExplorer {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly invoker: HandlerInvoker,
    private readonly options: ServiceOptions,
  ) {}

  /**
   * Reads all declarations and checks them.
   * @throws {InvalidHandlerError} `handler_invalid`: all that is wrong, at once
   */
  explore(): HandlerRegistry {
    const hosts = this.hosts();
    const methods = hosts.flatMap((host) => this.methodsOf(host));
    const problems = [
      ...declarationProblems(methods),
      ...enhancerProblems([...methods, ...methods.flatMap(lateMethodsOf)]),
      ...hosts
        .map(classOf)
        .flatMap((owner) => [...mixUpProblems(owner, methods), ...staticProblems(owner), ...overrideProblems(owner)]),
    ];
    if (problems.length > 0) throw new InvalidHandlerError([...new Set(problems)]);
    return new HandlerRegistry(methods.flatMap((method) => this.handlersOf(method)));
  }

  private hosts(): Host[] {
    const { include } = this.options;
    const options = include ? { include } : {};
    const hosts = [...this.discovery.getProviders(options), ...this.discovery.getControllers(options)];
    const seen = new Set<unknown>();
    return hosts.filter((host) => {
      // An alias, or a factory that hands on another provider's instance, is that provider once more.
      if (host.isAlias || !isInstance(host.instance) || seen.has(host.instance)) return false;
      seen.add(host.instance);
      return true;
    });
  }

  private methodsOf(host: Host): FoundMethod[] {
    const prototype = Object.getPrototypeOf(host.instance) as Record<string, object>;
    return this.scanner.getAllMethodNames(prototype).flatMap((name) => {
      const declaration = declarationOf(prototype[name]);
      return declaration ? [{ host, owner: classOf(host), name, method: prototype[name]!, declaration }] : [];
    });
  }

  private handlersOf(found: FoundMethod): Handler[] {
    const { commands, events, publications, retries } = found.declaration;
    const common = {
      label: labelOf(found),
      publications: publications.map(({ payload, eventType, key }): Publication => {
        return { ...eventEntityOf(payload)!, eventType, key: key as EventKey<unknown> | undefined };
      }),
      invoke: this.invoker.bind(found.host, found.name),
      retry: retries[0]?.policy,
    };
    return [
      ...commands.map(({ payload, reply, onLate }): Handler => {
        const address = commandAddressOf(payload)!;
        const late = onLate === undefined ? undefined : this.lateHandlerOf(found, onLate, address);
        const all = [...entityPublications(payload), ...common.publications];
        return { ...common, kind: 'command', ...address, payload, reply, late, publications: all };
      }),
      ...events.map(({ payload, eventType }): Handler => {
        const { topic, entity } = eventEntityOf(payload)!;
        return { ...common, kind: 'event', topic, name: `${entity}.${eventType}`, payload, reply: 'result' };
      }),
    ];
  }

  private lateHandlerOf({ host, owner }: FoundMethod, name: string, address: Address): Handler {
    const invoke = this.invoker.bind(host, name);
    return { label: labelOf({ owner, name }), kind: 'result', ...address, reply: 'result', publications: [], invoke };
  }
}

/** The methods that are told of answers that came too late, where they exist. */
function lateMethodsOf(found: FoundMethod): FoundMethod[] {
  return found.declaration.commands.flatMap(({ onLate }) => {
    const method = onLate === undefined ? undefined : methodNamed(found, onLate);
    return method ? [{ ...found, name: onLate!, method }] : [];
  });
}

function classOf(host: Host): { readonly name: string; readonly prototype: object } {
  return (host.instance as { constructor: { name: string; prototype: object } }).constructor;
}

/** Whether a provided value is an instance of some class, and no plain object, function or text. */
function isInstance(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return typeof value.constructor === 'function' && value.constructor !== Object;
}
