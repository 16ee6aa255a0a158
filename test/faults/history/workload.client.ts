import { setTimeout as pause } from 'node:timers/promises';
import { CommandFailedError, KafkaSocketClient } from 'nestjs-kafka-socket/client';
import type { EventMeta } from 'nestjs-kafka-socket/client';
import type { Random } from '../../support/random.js';
import type { DrawnCommand } from './command.mix.js';
import type { History } from './history.js';
import { type ObservedSocket, observedSockets } from './observed.socket.js';

export interface ClientKind {
  /** The type of events that it hears, or `*`. */
  readonly hears: string | undefined;
  readonly leaves: boolean;
  readonly sends: boolean;
}

export interface WorkloadClientOptions {
  readonly number: number;
  readonly kind: ClientKind;
  readonly topic: string;
  readonly gatewayUrls: readonly string[];
  readonly history: History;
}

/** Keys of one client; nobody else uses them. */
const KEYS = 2;

/** One client, all of whose life is noted. */
export class WorkloadClient {
  readonly kind: ClientKind;
  private readonly client: KafkaSocketClient;
  private socket: ObservedSocket | undefined;
  private away = false;
  private attempts = 0;

  constructor(private readonly options: WorkloadClientOptions) {
    this.kind = options.kind;
    const { number: client, history, gatewayUrls, topic } = options;
    const note = history.note.bind(history);
    const WebSocket = observedSockets({
      client,
      note,
      nextUrl: () => gatewayUrls[(client + this.attempts++) % gatewayUrls.length]!,
      opened: (socket) => void (this.socket = socket),
    });
    this.client = new KafkaSocketClient('ws://any', {
      WebSocket,
      slack: 60_000,
      offlineQueue: 10_000,
      connectTimeout: 5_000,
      reconnect: { minimum: 100, maximum: 2_000 },
    });
    const { hears } = this.kind;
    note({ what: 'joined', client, ...(hears !== undefined && { hears }) });
    if (hears !== undefined) {
      const [entity, type = '*'] = hears.split('.');
      this.client.on(topic, entity!, type, (_data, meta) => note(delivered(client, meta)));
    }
    this.client.onRecovered(({ complete, reason }) => note({ what: 'recovered', client, complete, reason }));
    this.client.onLate(({ requestId: id, at, outcome: { status, ...rest } }) => {
      note({ what: 'late', client, id, at, status, run: (rest as { value?: { run?: string } }).value?.run });
    });
    this.client.onError((error) => {
      const { code = error.name, temporary } = error as { code?: string; temporary?: boolean };
      // What is temporary is news of requests that are not decided yet: the log decides.
      if (!temporary) note({ what: 'wrong', client, code, message: error.message });
    });
  }

  ready(): Promise<void> {
    return this.client.ready();
  }

  /** @returns how it ended */
  async send(n: number, { name, ttl, payload, shared }: DrawnCommand, random: Random): Promise<string> {
    const { number: client, history, topic } = this.options;
    const key = `${client}-${shared ? random.upTo(KEYS - 1) : `n${n}`}`;
    history.note({ what: 'asked', client, n, command: name, key, ttl });
    try {
      const value = await this.client.send(topic, name, { n, ...payload }, { ttl, key });
      history.note({ what: 'told', client, n, status: 'success', run: (value as { run?: string } | undefined)?.run });
      return 'success';
    } catch (error) {
      const { status, code } = error instanceof CommandFailedError ? error : { status: 'thrown', code: String(error) };
      history.note({ what: 'told', client, n, status, code });
      return status;
    }
  }

  /** Its network breaks. */
  cut(): void {
    if (!this.away) this.socket?.terminate();
  }

  /** Goes away, and comes back some milliseconds later, or as soon as it is told to. */
  async leave(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (this.away) return;
    this.away = true;
    this.client.close();
    await pause(milliseconds, undefined, { signal }).catch(() => undefined);
    this.client.connect();
    this.away = false;
  }

  /** Whether it is connected, and all of the log up to these offsets has come or was passed by. */
  isDoneWith(ends: ReadonlyMap<number, number>): boolean {
    return this.client.state === 'live' && this.socket!.isDoneWith(this.options.topic, ends);
  }

  close(): void {
    this.client.close();
  }
}

function delivered(client: number, { at, id, type }: EventMeta) {
  return { what: 'event', client, at, id, type } as const;
}
