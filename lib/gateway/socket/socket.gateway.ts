import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Inject, type OnApplicationBootstrap, type Type } from '@nestjs/common';
import { type OnGatewayConnection, type OnGatewayInit, WebSocketGateway } from '@nestjs/websockets';
import type { ServerOptions, WebSocket } from 'ws';
import { SUBPROTOCOL } from '../../protocol/channels.js';
import type { Connections } from './connections.js';
import { CONNECTIONS, GATEWAY_OPTIONS } from '../gateway.constants.js';
import { GatewaySetupError } from '../gateway.errors.js';
import type { GatewayOptions } from '../gateway.options.js';

/** A frame may come in as many pieces as if each had so many bytes, but in some at any rate. */
const PIECE_BYTES = 64;
const MIN_PIECES = 1_024;

const CONNECTION = 'connection';

/** The types of `ws` lack it: how long a closed socket waits for the other side, in milliseconds. */
type WsOptions = ServerOptions & { readonly closeTimeout: number };

/**
 * The door: a Nest gateway on the application's own WebSocket adapter (`WsAdapter` of @nestjs/platform-ws). It takes sockets
 * only; frames are not handled as Nest messages, because those are handled side by side, lose bad frames silently, and run through
 * the application's global HTTP guards.
 */
export abstract class SocketGateway implements OnGatewayConnection<WebSocket>, OnGatewayInit, OnApplicationBootstrap {
  private server: unknown;
  /** Whether sockets come to us without Nest. */
  private takes = false;

  constructor(
    @Inject(GATEWAY_OPTIONS) options: GatewayOptions,
    @Inject(CONNECTIONS) private readonly connections: Connections,
  ) {
    // Nest reads this once all providers are made, so the options can come from anywhere that providers can.
    WebSocketGateway({ path: options.path, ...serverOptions(options, connections) })(new.target);
  }

  /** Called before Nest listens for the server's connections. */
  afterInit(server: unknown): void {
    this.server = server;
    if (server instanceof EventEmitter) this.takeConnections(server);
  }

  /** @throws {GatewaySetupError} `gateway_setup`: Nest opened no plain WebSocket for it */
  onApplicationBootstrap(): void {
    if (typeof (this.server as { handleUpgrade?: unknown } | undefined)?.handleUpgrade === 'function') return;
    throw new GatewaySetupError(
      'The option "gateway" is set, but Nest opened no plain WebSocket. In main.ts: create the application by NestFactory.create(), ' +
        'and call app.useWebSocketAdapter(new WsAdapter(app)) with the WsAdapter of @nestjs/platform-ws before app.listen().',
    );
  }

  /** Called by Nest, which may do so on behalf of another gateway of the same path. */
  handleConnection(socket: WebSocket, request: IncomingMessage): void {
    if (!this.takes) this.accept(socket, request);
  }

  private readonly accept = (socket: WebSocket, request: IncomingMessage): void => {
    this.connections.accept(socket, request);
  };

  /**
   * Takes the place of the listener that Nest is about to add. For each socket that one subscribes to messages for handlers that we do
   * not have, by observables that take half of the socket's memory, and reads each frame once more.
   */
  private takeConnections(server: EventEmitter): void {
    const take = (event: string | symbol, listener: (...args: unknown[]) => void): void => {
      if (event !== CONNECTION) return;
      server.off('newListener', take);
      this.takes = true;
      queueMicrotask(() => server.off(CONNECTION, listener).on(CONNECTION, this.accept)); // it is told before it is added
    };
    server.on('newListener', take);
  }
}

/** A gateway class of its own for each module instance: Nest keeps path and options on the class. */
export function socketGateway(): Type<SocketGateway> {
  @WebSocketGateway()
  class KafkaSocketGateway extends SocketGateway {}
  return KafkaSocketGateway;
}

function serverOptions({ limits, closeTimeout }: GatewayOptions, { admission }: Connections): WsOptions {
  const pieces = Math.max(MIN_PIECES, limits.payload / PIECE_BYTES);
  return {
    maxPayload: limits.payload,
    // Above it 1008: an endless row of empty fragments, or of bytes that come one by one, holds far more than it carries.
    maxFragments: pieces,
    maxBufferedChunks: pieces,
    autoPong: false, // answered by the connection, within the client's rate
    perMessageDeflate: false, // costs memory for each socket, and forbids to frame a broadcast once for all
    clientTracking: true,
    closeTimeout,
    // Without the name in the answer strict clients give up by themselves; the others are closed with 4506 and told why.
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    verifyClient: admission.verify,
  };
}
