import { readFileSync, writeFileSync } from 'node:fs';
import { ServerProcess } from '../../support/server.process.js';
import type { TcpProxy } from './tcp.proxy.js';

export type MemberRole = 'gateway' | 'service';

/** The ways from a member to the others, each a proxy of its own. */
export interface MemberLinks {
  /** One a broker, in the order of the world's brokers. */
  readonly brokers: readonly TcpProxy[];
  readonly redis: TcpProxy;
}

export interface MemberParts {
  /** Such as `gateway 1`; it is also the `INSTANCE` of its environment. */
  readonly name: string;
  readonly role: MemberRole;
  /** Its own port of HTTP and sockets, past every proxy. */
  readonly port: number;
  readonly links: MemberLinks;
  readonly logFile: string;
  /** What `shifted.clock.mjs` in its process reads the shift from. */
  readonly clockFile: string;
  readonly command: readonly string[];
}

/** A gateway or a service: a process that can be killed, frozen, stopped and started again. */
export class Member {
  readonly name: string;
  readonly role: MemberRole;
  readonly port: number;
  readonly links: MemberLinks;
  readonly logFile: string;
  private readonly clockFile: string;
  private readonly process: ServerProcess;

  constructor({ name, role, port, links, logFile, clockFile, command }: MemberParts) {
    this.name = name;
    this.role = role;
    this.port = port;
    this.links = links;
    this.logFile = logFile;
    this.clockFile = clockFile;
    const [program, ...args] = command;
    this.process = new ServerProcess({
      name,
      command: program!,
      args,
      logFile,
      isReady: () => this.isReady(),
    });
  }

  /** Whether it says that it is ready; who does not answer within a second does not say so. */
  async isReady(): Promise<boolean> {
    return fetch(`${this.url}/health`, { signal: AbortSignal.timeout(1_000) }).then(
      async (answer) => {
        await answer.arrayBuffer();
        return answer.ok;
      },
      () => false,
    );
  }

  /** Ends that nobody asked for, and stops that did not go well, in words. */
  get mishaps(): readonly string[] {
    return this.process.mishaps;
  }

  /** What it serves by HTTP, past every proxy. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts it, for the first time or again, and waits until it says that it is ready. */
  start(): Promise<void> {
    return this.process.start();
  }

  /** kill -9 */
  kill(): Promise<void> {
    return this.process.kill();
  }

  /** SIGTERM, and waits for its end. */
  stop(): Promise<void> {
    return this.process.stop();
  }

  /** SIGSTOP: its connections stay open, and it does not answer. */
  freeze(): void {
    this.process.freeze();
  }

  /** SIGCONT */
  thaw(): void {
    this.process.thaw();
  }

  /** Sets its clock so much forward or back, also for its next start. In milliseconds; 0 sets it right. */
  shiftClock(milliseconds: number): void {
    writeFileSync(this.clockFile, String(milliseconds));
  }

  /** How far off its clock is by its own account, in milliseconds. */
  get clockShift(): number {
    return Number(readFileSync(`${this.clockFile}.read`, 'utf8'));
  }
}
