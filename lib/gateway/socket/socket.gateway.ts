import type { IncomingMessage } from 'node:http';
import { Inject, type OnApplicationBootstrap, type Type } from '@nestjs/common';
import { type OnGatewayConnection, type OnGatewayInit, WebSocketGateway } from '@nestjs/websockets';
import type { ServerOptions, WebSocket } from 'ws';
import { SUBPROTOCOL } from '../../protocol/channels.js';
import type { Connections } from './connections.js';
import { CONNECTIONS, GATEWAY_OPTIONS } from '../gateway.constants.js';
import { GatewaySetupError } from '../gateway.errors.js';
import type { GatewayOptions } from '../gateway.options.js';
import { originCheck } from './origin.check.js';

/**
 * The door: a Nest gateway on the application's own WebSocket adapter (`WsAdapter` of @nestjs/platform-ws). It takes sockets
 * only; frames are not handled as Nest messages, because those are handled side by side, lose bad frames silently, and run through
 * the application's global HTTP guards.
 */
export abstract class SocketGateway implements OnGatewayConnection<WebSocket>, OnGatewayInit, OnApplicationBootstrap {
  private server: unknown;

  constructor(
    @Inject(GATEWAY_OPTIONS) options: GatewayOptions,
    @Inject(CONNECTIONS) private readonly connections: Connections,
  ) {
    // Nest reads this once all providers are made, so the options can come from anywhere that providers can.
    WebSocketGateway({ path: options.path, ...serverOptions(options) })(new.target);
  }

  afterInit(server: unknown): void {
    this.server = server;
  }

  /** @throws {GatewaySetupError} `gateway_setup`: Nest opened no plain WebSocket for it */
  onApplicationBootstrap(): void {
    if (typeof (this.server as { handleUpgrade?: unknown } | undefined)?.handleUpgrade === 'function') return;
    throw new GatewaySetupError(
      'The option "gateway" is set, but Nest opened no plain WebSocket. In main.ts: create the application by NestFactory.create(), ' +
        'and call app.useWebSocketAdapter(new WsAdapter(app)) with the WsAdapter of @nestjs/platform-ws before app.listen().',
    );
  }

  handleConnection(socket: WebSocket, request: IncomingMessage): void {
    this.connections.accept(socket, request);
  }
}

/** A gateway class of its own for each module instance: Nest keeps path and options on the class. */
export function socketGateway(): Type<SocketGateway> {
  @WebSocketGateway()
  class KafkaSocketGateway extends SocketGateway {}
  return KafkaSocketGateway;
}

function serverOptions(options: GatewayOptions): ServerOptions {
  return {
    maxPayload: options.limits.payload,
    perMessageDeflate: false, // costs memory for each socket, and forbids to frame a broadcast once for all
    clientTracking: true,
    // Without the name in the answer strict clients give up by themselves; the others are closed with 4506 and told why.
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    verifyClient: originCheck(options.origins),
  };
}
