import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { KafkaSocketClient } from 'nestjs-kafka-socket/client';
import { WebSocket } from 'ws';
import { PROBE } from './probe.js';
import { membersOf, type World } from './world.js';

/** How long a probe may take, in milliseconds; then the next one goes out. */
const PATIENCE = 2_000;
/** Probes that go out together, each with a key of its own, so that most partitions have one. */
const PROBES = 12;
const BETWEEN = 100;

/** Asks all the time, as a client would, whether the world is of use. */
export class Witness {
  private readonly clients: readonly KafkaSocketClient[];

  constructor(private readonly world: World) {
    this.clients = world.gatewayUrls.map((url) => {
      const client = new KafkaSocketClient(url, {
        WebSocket,
        connectTimeout: 3_000,
        slack: PATIENCE,
        reconnect: { minimum: 100, maximum: 500 },
      });
      client.onError(() => undefined); // the probe says what came of it
      return client;
    });
  }

  /**
   * Waits until every member says that it is ready and every gateway answers probes, all of them in one round.
   * @returns what was missing in the last one when the limit (in milliseconds) is over: nothing, or a line for each member
   */
  async recovery(limit: number): Promise<string[]> {
    const giveUp = performance.now() + limit;
    for (;;) {
      const missing = await this.missing();
      if (missing.length === 0 || performance.now() > giveUp) return missing.map((one) => `${one} after ${limit} ms`);
      await pause(BETWEEN);
    }
  }

  close(): void {
    for (const client of this.clients) client.close();
  }

  /** One round: who is not ready, and who answers no probe. */
  private async missing(): Promise<string[]> {
    const [unready, mute] = await Promise.all([
      without(membersOf(this.world), (member) => member.isReady()),
      without(this.world.gateways, (_gateway, index) => this.answers(index)),
    ]);
    return [
      ...unready.map(({ name }) => `${name} is not ready`),
      ...mute.map(({ name }) => `${name} answers no probe`),
    ];
  }

  private async answers(gateway: number): Promise<boolean> {
    const ask = () => this.clients[gateway]!.send(this.world.topic, PROBE, {}, { ttl: PATIENCE, key: randomUUID() });
    const answers = await Promise.allSettled(Array.from({ length: PROBES }, ask));
    return answers.every(({ status }) => status === 'fulfilled');
  }
}

/** @returns those of whom it is not so */
async function without<T>(of: readonly T[], isSo: (one: T, index: number) => Promise<boolean>): Promise<T[]> {
  const is = await Promise.all(of.map(isSo));
  return of.filter((_, index) => !is[index]);
}
