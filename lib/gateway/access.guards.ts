import {
  type CanActivate,
  type ExecutionContext,
  Inject,
  Injectable,
  type OnModuleInit,
  type Type,
} from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { UnknownElementException } from '@nestjs/core/errors/exceptions/unknown-element.exception.js';
import { ExecutionContextHost } from '@nestjs/core/internal';
import { messageOf } from '../kafka-socket.error.js';
import { GATEWAY_OPTIONS } from './gateway.constants.js';
import { GatewaySetupError } from './gateway.errors.js';
import type { GatewayClient, GatewayOptions, Intent } from './gateway.options.js';

/** Asks one hook or guard. It answers at once, later, or by a stream whose last value counts. */
export type Ask = (intent: Intent, client: GatewayClient) => ReturnType<CanActivate['canActivate']>;

/** What guards see as class and handlers, so that those which look up metadata there find none and do not fail. */
class KafkaSocketGateway {
  command(): void {}
  channel(): void {}
  event(): void {}
}

/** The Nest guards of the gateway. They are looked up when all providers of the application are made. */
@Injectable()
export class AccessGuards implements OnModuleInit {
  private guards: readonly CanActivate[] | undefined;

  constructor(
    private readonly modules: ModuleRef,
    @Inject(GATEWAY_OPTIONS) private readonly options: GatewayOptions,
  ) {}

  /** @throws {GatewaySetupError} `gateway_setup`: names a guard that could not be had, and why */
  async onModuleInit(): Promise<void> {
    this.guards = await Promise.all(
      this.options.guards.map(async (guard) => (typeof guard === 'function' ? this.instanceOf(guard) : guard)),
    );
  }

  /** @throws {GatewaySetupError} `gateway_setup`: before they were looked up; nobody may do anything then */
  get asks(): readonly Ask[] {
    if (!this.guards) throw new GatewaySetupError('The guards of the gateway are not there yet.');
    return this.guards.map((guard) => (intent, client) => guard.canActivate(contextOf(intent, client)));
  }

  private async instanceOf(type: Type<CanActivate>): Promise<CanActivate> {
    const guard = this.provided(type) ?? (await this.made(type));
    if (typeof (guard as Partial<CanActivate>).canActivate === 'function') return guard;
    throw new GatewaySetupError(
      `gateway.guards names ${type.name}, which has no method canActivate. Implement CanActivate.`,
    );
  }

  private provided(type: Type<CanActivate>): CanActivate | undefined {
    try {
      return this.modules.get(type, { strict: false });
    } catch (error) {
      if (error instanceof UnknownElementException) return undefined;
      throw new GatewaySetupError(
        `gateway.guards names ${type.name}, and there is no one instance of it, because its scope is not the default one: ` +
          'it would have to be made for every event and client. Give it the default scope.',
        { cause: error },
      );
    }
  }

  private async made(type: Type<CanActivate>): Promise<CanActivate> {
    try {
      return await this.modules.create(type);
    } catch (error) {
      throw new GatewaySetupError(
        `gateway.guards names ${type.name}, which no module provides, and which could not be made: ${messageOf(error)} ` +
          'Add it to the providers of the module that has what it injects.',
        { cause: error },
      );
    }
  }
}

function contextOf(intent: Intent, client: GatewayClient): ExecutionContext {
  const { claims, handshake } = client;
  const context = new ExecutionContextHost(
    [{ claims, handshake }, intent, intent.action],
    KafkaSocketGateway,
    KafkaSocketGateway.prototype[intent.action],
  );
  context.setType('ws');
  return context;
}
