import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Controller, Inject, Module, type OnModuleInit } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientKafka, ClientsModule, MessagePattern, Payload } from '@nestjs/microservices';
import { WsAdapter } from '@nestjs/platform-ws';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { firstValueFrom } from 'rxjs';
import { answer } from './child.process.js';
import { now } from './clock.js';
import { nestKafka } from './nest.kafka.js';
import { processUse } from './process.use.js';
import type { Bid } from './request.client.js';

interface Request {
  readonly requestId: string;
  readonly key: string;
  readonly payload: Bid;
}

const CLIENT = Symbol('ClientKafka');

/** How often it is asked whether the client may send by now, and for how long, in milliseconds. */
const LOOK_EVERY = 20;
const READY_LIMIT = 60_000;

/** Nest's own way: a gateway that sends by ClientKafka and waits, and a controller that answers. One application, as ours. */
function application(brokers: readonly string[], topic: string, partitions: number) {
  @WebSocketGateway({ path: '/socket', perMessageDeflate: false })
  class Bids implements OnModuleInit {
    constructor(@Inject(CLIENT) private readonly client: ClientKafka) {}

    async onModuleInit(): Promise<void> {
      this.client.subscribeToResponseOf(topic);
      await this.client.connect();
    }

    @SubscribeMessage('hello')
    welcome() {
      return { event: 'welcome', data: {} };
    }

    @SubscribeMessage('request')
    async place(@MessageBody() { requestId, key, payload }: Request) {
      const value = await firstValueFrom(this.client.send<Bid>(topic, { key, value: payload }));
      return { event: `socket/${topic}/${key}`, data: { requestId, value } };
    }
  }

  @Controller()
  class Bidding {
    @MessagePattern(topic)
    place(@Payload() { amount, note }: Bid): Bid {
      return { amount, note };
    }
  }

  const imports = [ClientsModule.register([{ name: CLIENT, ...nestKafka(brokers, topic, partitions) }])];
  @Module({ imports, providers: [Bids], controllers: [Bidding] })
  class PeerModule {}
  return PeerModule;
}

const answers = {
  ...processUse,

  /** Resolves when it listens and may send, with its address. The group of its handlers may still have to form. */
  async start(brokers: readonly string[], topic: string, partitions: number): Promise<string> {
    const app = await NestFactory.create(application(brokers, topic, partitions), { logger: ['fatal'] });
    app.connectMicroservice(nestKafka(brokers, topic, partitions));
    app.useWebSocketAdapter(new WsAdapter(app));
    await app.startAllMicroservices();
    const server = app.getHttpServer() as Server;
    await app.listen(0, '127.0.0.1');
    if (!server.listening) await once(server, 'listening');
    await untilAssigned(app.get<ClientKafka>(CLIENT), topic);
    return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/socket`;
  },
};

/** Until its group has formed, ClientKafka refuses to send. */
async function untilAssigned(client: ClientKafka, topic: string): Promise<void> {
  const limit = now() + READY_LIMIT;
  while (client.getConsumerAssignments()[`${topic}.reply`] === undefined) {
    if (now() > limit) throw new Error('ClientKafka has got no partition for replies.');
    await pause(LOOK_EVERY);
  }
}

export type NestPeer = typeof answers;

answer(answers);
