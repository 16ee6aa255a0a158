import {
  type DynamicModule,
  type InjectionToken,
  Module,
  type ModuleMetadata,
  type OptionalFactoryDependency,
  type Provider,
} from '@nestjs/common';
import { DiscoveryModule, LazyModuleLoader, ModuleRef } from '@nestjs/core';
import { DeadLetterBox } from './dead-letters/dead-letter.box.js';
import { AccessGuards } from './gateway/access.guards.js';
import { CONNECTIONS, GATEWAY_OPTIONS } from './gateway/gateway.constants.js';
import { Gateway } from './gateway/gateway.js';
import { socketGateway } from './gateway/socket/socket.gateway.js';
import { KAFKA_SOCKET_OPTIONS } from './kafka-socket.constants.js';
import { KafkaSocketHealth } from './kafka-socket.health.js';
import { KafkaSocketLifecycle } from './kafka-socket.lifecycle.js';
import {
  InvalidOptionsError,
  type KafkaSocketModuleOptions,
  type ResolvedOptions,
  resolveOptions,
} from './kafka-socket.options.js';
import { KafkaMessageLog } from './log/kafka/kafka.message.log.js';
import { MESSAGE_LOG } from './log/log.constants.js';
import { MemoryMessageLog } from './log/memory/memory.message.log.js';
import type { MessageLog } from './log/message.log.js';
import { MessageContext } from './message/message.context.js';
import type { Inbox } from './service/inbox/inbox.js';
import { INBOX } from './service/inbox/inbox.constants.js';
import { inboxFor } from './service/inbox/inbox.provider.js';
import { MessagePublisher } from './service/message.publisher.js';
import { OutcomeReader } from './service/outcome.reader.js';
import { ServiceOptions } from './service/service.options.js';
import { SERVICE_PROVIDERS } from './service/service.providers.js';
import { BullTimeoutScheduler } from './timeout/bull/bull.timeout.scheduler.js';
import { MemoryTimeoutScheduler } from './timeout/memory/memory.timeout.scheduler.js';
import { TIMEOUT_SCHEDULER } from './timeout/timeout.constants.js';
import type { TimeoutScheduler } from './timeout/timeout.scheduler.js';

/** How the module is seen by the others. */
export interface KafkaSocketModuleExtras {
  /**
   * Whether every module can inject {@link MessagePublisher} without importing this one. Set it to false where one application
   * imports it twice.
   * @default true
   */
  isGlobal?: boolean;
}

/** Options that are made when the application starts, from its own providers. */
export interface KafkaSocketModuleAsyncOptions extends Pick<ModuleMetadata, 'imports'>, KafkaSocketModuleExtras {
  inject?: (InjectionToken | OptionalFactoryDependency)[];
  useFactory: (...dependencies: never[]) => KafkaSocketModuleOptions | Promise<KafkaSocketModuleOptions>;
  /**
   * Whether this application is a gateway. Nest looks for gateways before the factory has run, so it must be said here; the
   * options say how.
   * @default false
   */
  gateway?: boolean;
}

/**
 * Turns Kafka into the back end of a live application: commands over WebSocket in, exactly one sealed outcome each out, events to
 * all who listen.
 */
@Module({})
export class KafkaSocketModule {
  /**
   * With options that are known now.
   * @throws {InvalidOptionsError} `options_invalid`
   */
  static forRoot({ isGlobal = true, ...options }: KafkaSocketModuleOptions & KafkaSocketModuleExtras): DynamicModule {
    const resolved = resolveOptions(options);
    return this.assemble(
      { provide: KAFKA_SOCKET_OPTIONS, useValue: resolved },
      resolved.gateway !== undefined,
      isGlobal,
    );
  }

  /** With options that a factory makes. */
  static forRootAsync(options: KafkaSocketModuleAsyncOptions): DynamicModule {
    const { imports = [], inject = [], useFactory, gateway = false, isGlobal = true } = options;
    const make = async (...dependencies: never[]): Promise<ResolvedOptions> => {
      const resolved = resolveOptions(await useFactory(...dependencies));
      if (gateway !== (resolved.gateway !== undefined)) throw new InvalidOptionsError(gatewayMismatch(gateway));
      return resolved;
    };
    return this.assemble({ provide: KAFKA_SOCKET_OPTIONS, useFactory: make, inject }, gateway, isGlobal, imports);
  }

  private static assemble(
    options: Provider,
    gateway: boolean,
    global: boolean,
    imports: NonNullable<ModuleMetadata['imports']> = [],
  ): DynamicModule {
    return {
      module: KafkaSocketModule,
      global,
      imports: [DiscoveryModule, ...imports],
      providers: [
        options,
        ...PORTS,
        MessageContext,
        {
          provide: ServiceOptions,
          inject: [KAFKA_SOCKET_OPTIONS],
          useFactory: ({ service }: ResolvedOptions) => service,
        },
        ...SERVICE_PROVIDERS,
        ...(gateway ? gatewayProviders() : []),
        KafkaSocketLifecycle,
        KafkaSocketHealth,
        DeadLetterBox,
      ],
      exports: [MessagePublisher, OutcomeReader, KafkaSocketHealth, DeadLetterBox, MESSAGE_LOG],
    };
  }
}

const PORTS: Provider[] = [
  {
    provide: MESSAGE_LOG,
    inject: [KAFKA_SOCKET_OPTIONS],
    useFactory: ({ log, kafka, memory }: ResolvedOptions): MessageLog =>
      log ?? (kafka ? new KafkaMessageLog(kafka) : new MemoryMessageLog(memory)),
  },
  {
    provide: TIMEOUT_SCHEDULER,
    inject: [KAFKA_SOCKET_OPTIONS, LazyModuleLoader],
    useFactory: ({ redis, timeouts, kafka }: ResolvedOptions, modules: LazyModuleLoader): TimeoutScheduler =>
      redis
        ? new BullTimeoutScheduler(redis, modules)
        : new MemoryTimeoutScheduler(timeouts, Date.now, kafka !== undefined),
  },
  {
    provide: INBOX,
    inject: [KAFKA_SOCKET_OPTIONS, ModuleRef],
    useFactory: ({ service, redis }: ResolvedOptions, modules: ModuleRef): Inbox | undefined =>
      inboxFor(service.inbox, redis, modules),
  },
];

function gatewayProviders(): Provider[] {
  return [
    { provide: GATEWAY_OPTIONS, inject: [KAFKA_SOCKET_OPTIONS], useFactory: ({ gateway }: ResolvedOptions) => gateway },
    AccessGuards,
    {
      provide: Gateway,
      inject: [KAFKA_SOCKET_OPTIONS, MESSAGE_LOG, TIMEOUT_SCHEDULER, AccessGuards],
      useFactory: (
        { service, gateway }: ResolvedOptions,
        log: MessageLog,
        timeouts: TimeoutScheduler,
        guards: AccessGuards,
      ) => new Gateway(service.name, gateway!, log, timeouts, guards),
    },
    { provide: CONNECTIONS, inject: [Gateway], useFactory: ({ connections }: Gateway) => connections },
    socketGateway(),
  ];
}

function gatewayMismatch(announced: boolean): string {
  return announced
    ? 'forRootAsync says `gateway: true`, but the options of its factory hold no "gateway". Add it, or say `gateway: false`.'
    : 'The options of the factory hold "gateway", but forRootAsync does not say `gateway: true`, so Nest would open no socket. Say it.';
}
