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
        reconnect: { minimum: 100, maximum: 500 },
      });
      client.onError(() => undefined); // the probe says what came of it
      return client;
    });
  }

  /**
   * Waits until every member says that it is ready and every gateway answers probes.
   * @returns what is still missing when the limit (in milliseconds) is over: nothing, or a line for each member
   */
  async recovery(limit: number): Promise<string[]> {
    const signal = AbortSignal.timeout(limit);
    const [unready, mute] = await Promise.all([
      missing(membersOf(this.world), (member) => member.isReady(), signal),
      missing(this.world.gateways, (_gateway, index) => this.answers(index), signal),
    ]);
    return [
      ...unready.map(({ name }) => `${name} is not ready after ${limit} ms`),
      ...mute.map(({ name }) => `${name} answers no probe after ${limit} ms`),
    ];
  }

  close(): void {
    for (const client of this.clients) client.close();
  }

  private async answers(gateway: number): Promise<boolean> {
    const ask = () => this.clients[gateway]!.send(this.world.topic, PROBE, {}, { ttl: PATIENCE, key: randomUUID() });
    const answers = await Promise.allSettled(Array.from({ length: PROBES }, ask));
    return answers.every(({ status }) => status === 'fulfilled');
  }
}

/** @returns those of whom it was not so before the signal came */
async function missing<T>(
  of: readonly T[],
  isSo: (one: T, index: number) => Promise<boolean>,
  signal: AbortSignal,
): Promise<T[]> {
  const was = await Promise.all(
    of.map(async (one, index) => {
      while (!signal.aborted) {
        if (await isSo(one, index)) return true;
        await pause(BETWEEN);
      }
      return false;
    }),
  );
  return of.filter((_, index) => !was[index]);
}
