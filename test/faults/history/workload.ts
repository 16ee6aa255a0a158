import { setTimeout as pause } from 'node:timers/promises';
import { Random } from '../../support/random.js';
import { COMMANDS, drawCommand } from './command.mix.js';
import type { History } from './history.js';
import { type ClientKind, WorkloadClient } from './workload.client.js';

export interface WorkloadOptions {
  readonly topic: string;
  /** One a gateway. */
  readonly gatewayUrls: readonly string[];
  readonly history: History;
  readonly seed: number;
  readonly clients: number;
  /** Commands a second, by all clients together. */
  readonly rate: number;
}

/** Commands without an outcome that there may be, so that a standstill costs a bounded amount of memory. */
const IN_FLIGHT = 5_000;
/** How late commands may be and are still sent, in milliseconds. */
const BURST = 500;
/** By how much the guess of a command's way to its handler and back is mended with each outcome, in milliseconds. */
const MEND = 0.2;
/** How long a client is away at most that leaves, in milliseconds, and how often one does. */
const AWAY = 20_000;
const LEAVES = 1_500;
/** How often some client's socket is cut, in milliseconds. */
const CUTS = 700;

/** Clients that send commands at a steady pace, hear events, lose their connections, and go away and come back. */
export class Workload {
  readonly clients: readonly WorkloadClient[];
  private readonly random: Random;
  private readonly inFlight = new Set<Promise<void>>();
  private numbers = 0;
  /** How long a command takes to its handler and back, guessed, so that slow ones end at the edge of their time. */
  private way = 20;

  constructor(private readonly options: WorkloadOptions) {
    this.random = new Random(options.seed);
    this.clients = Array.from({ length: options.clients }, (_, number) => {
      const { topic, gatewayUrls, history } = options;
      return new WorkloadClient({ number, kind: kindOf(number), topic, gatewayUrls, history });
    });
  }

  /** Commands that were asked for. */
  get asked(): number {
    return this.numbers;
  }

  /** Resolves once every client is connected and up to date. */
  async ready(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.ready()));
  }

  /** Sends commands until it is told to stop. What is without an outcome then goes on. */
  async send(signal: AbortSignal): Promise<void> {
    const senders = this.clients.filter(({ kind }) => kind.sends);
    const between = 1_000 / this.options.rate;
    for (let due = performance.now(); !signal.aborted; due += between) {
      const late = performance.now() - due;
      if (late > BURST) due += late; // what a standstill has kept from being sent is not made up for
      await pause(Math.max(0, -late), undefined, { signal }).catch(() => undefined);
      if (!signal.aborted && this.inFlight.size < IN_FLIGHT) this.sendOne(this.random.pick(senders));
    }
  }

  /** Cuts sockets, and lets clients go away for a while; whoever is away when it is told to stop comes back. */
  async disturb(signal: AbortSignal): Promise<void> {
    const random = this.random.fork();
    const every = async (milliseconds: number, act: () => void): Promise<void> => {
      while (!signal.aborted) {
        await pause(milliseconds * (0.5 + random.next()), undefined, { signal }).catch(() => undefined);
        if (!signal.aborted) act();
      }
    };
    const leavers = this.clients.filter(({ kind }) => kind.leaves);
    const back: Promise<void>[] = [];
    await Promise.all([
      every(CUTS, () => random.pick(this.clients).cut()),
      every(LEAVES, () => back.push(random.pick(leavers).leave(random.next() * AWAY, signal))),
    ]);
    await Promise.all(back);
  }

  /**
   * Waits until every command has its outcome.
   * @returns how many have none when the limit is over
   */
  async settled(limit: number): Promise<number> {
    const giveUp = performance.now() + limit;
    while (this.inFlight.size > 0 && performance.now() < giveUp) await pause(100);
    return this.inFlight.size;
  }

  /**
   * Waits until every client is done with all of the log up to these offsets.
   * @returns how many are not when the limit is over
   */
  async caughtUp(ends: ReadonlyMap<number, number>, limit: number): Promise<number> {
    const giveUp = performance.now() + limit;
    for (;;) {
      const behind = this.clients.filter((client) => !client.isDoneWith(ends)).length;
      if (behind === 0 || performance.now() > giveUp) return behind;
      await pause(100);
    }
  }

  close(): void {
    for (const client of this.clients) client.close();
  }

  private sendOne(client: WorkloadClient): void {
    const n = this.numbers++;
    const command = drawCommand(this.random, this.way);
    const sending = client.send(n, command, this.random).then((status) => {
      // However fast the machine is just now: half of them should make it.
      if (command.name === COMMANDS.slow.name) this.way += status === 'success' ? -MEND : MEND;
      this.inFlight.delete(sending);
    });
    this.inFlight.add(sending);
  }
}

/** Of ten clients one hears all events, three hear one type; some of those that hear go away now and then, and send nothing. */
function kindOf(number: number): ClientKind {
  const one = number % 10;
  const hears = one === 0 ? '*' : (['Quicker.Done', 'Slower.Done', 'Stepper.Done'] as const)[one - 1];
  const leaves = hears !== undefined && Math.floor(number / 10) % 2 === 0;
  return { hears, leaves, sends: !leaves };
}
