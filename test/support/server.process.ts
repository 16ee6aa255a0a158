import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, openSync, closeSync, readFileSync, appendFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** How to run one server. */
export interface ServerCommand {
  /** What errors call it, such as `Kafka broker 1`. */
  name: string;
  command: string;
  args: string[];
  /** Where its output goes; kept over restarts. */
  logFile: string;
  /** Whether it serves by now. May throw or answer false until it does. */
  isReady(): Promise<boolean>;
}

const START_LIMIT = 90_000;
/** A broker that keeps its classes as it ends takes long on a busy machine. */
const STOP_LIMIT = 60_000;
const LOG_TAIL = 40;

/** A server in a process of its own, which can be killed and started again, and never outlives the process that asked. */
export class ServerProcess {
  private child?: ChildProcess;
  private exited: Promise<void> = Promise.resolve();
  /** Whether its end was asked for since it was started last. */
  private isEnding = false;
  /** Ends that nobody asked for, and stops that did not go well, in words. */
  readonly mishaps: string[] = [];
  private readonly killAtExit = () => this.child?.kill('SIGKILL');

  constructor(private readonly server: ServerCommand) {}

  get isRunning(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Starts it and waits until it serves; an error holds the end of its log. */
  async start(): Promise<void> {
    if (this.isRunning) return;
    this.spawn();
    const limit = Date.now() + START_LIMIT;
    while (!(await this.server.isReady().catch(() => false))) {
      if (!this.isRunning) throw this.failure('ended before it served');
      if (Date.now() > limit) {
        await this.kill();
        throw this.failure(`did not serve within ${START_LIMIT} ms`);
      }
      await pause(100);
    }
  }

  /** What a machine that loses its power does: SIGKILL. */
  async kill(): Promise<void> {
    this.isEnding = true;
    this.child?.ref(); // or nothing may be left that keeps this process until it has ended
    this.child?.kill('SIGKILL');
    await this.exited;
  }

  /** Lets it stand still, with its connections open: neither alive nor dead. */
  freeze(): void {
    this.child?.kill('SIGSTOP');
  }

  /** Lets it go on where it stood still. */
  thaw(): void {
    this.child?.kill('SIGCONT');
  }

  /** Lets each of its writes to a file fail from now on, as on a full disk: with EFBIG, where that would say ENOSPC. Until it is started again. */
  fillDisk(): void {
    if (this.isRunning) execFileSync('prlimit', ['--pid', String(this.child!.pid), '--fsize=1:']);
  }

  /** Lets it end in good order, but not for ever. */
  async stop(patience = STOP_LIMIT): Promise<void> {
    if (!this.isRunning) return;
    const child = this.child!;
    this.isEnding = true;
    child.ref();
    child.kill('SIGTERM');
    const limit = setTimeout(() => child.kill('SIGKILL'), patience);
    await this.exited;
    clearTimeout(limit);
    if (!isOrderly(child)) this.mishaps.push(`was asked to stop and ended by ${endOf(child)}`);
  }

  private spawn(): void {
    const log = openSync(this.server.logFile, 'a');
    const [command, ...args] = boundToThisProcess([this.server.command, ...this.server.args]);
    const child = spawn(command!, args, { stdio: ['ignore', log, log] });
    closeSync(log);
    child.unref();
    // Before its directory is removed.
    process.prependOnceListener('exit', this.killAtExit);
    this.child = child;
    this.isEnding = false;
    this.exited = new Promise((resolve) => {
      const ended = () => {
        process.off('exit', this.killAtExit);
        if (!this.isEnding) this.mishaps.push(`ended by itself: ${endOf(child)}`);
        resolve();
      };
      child.once('exit', ended);
      child.once('error', (error) => {
        appendFileSync(this.server.logFile, `${error.message}\n`);
        this.child = undefined;
        ended();
      });
    });
  }

  private failure(what: string): Error {
    const tail = readFileSync(this.server.logFile, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL).join('\n');
    return new Error(`${this.server.name} ${what}. The end of ${this.server.logFile}:\n${tail}`);
  }
}

/** Whether a child that was sent SIGTERM ended by that, or as if by that, as Java does. */
function isOrderly({ exitCode, signalCode }: ChildProcess): boolean {
  return signalCode === 'SIGTERM' || exitCode === 0 || exitCode === 143;
}

function endOf({ exitCode, signalCode }: ChildProcess): string {
  return signalCode ?? `code ${exitCode}`;
}

/**
 * An exit hook does not run when this process is killed, so on Linux the kernel is asked to end the server with it.
 * `setpriv` (util-linux) becomes the server by exec, so signals reach the server itself.
 */
function boundToThisProcess(command: string[]): string[] {
  return existsSync('/usr/bin/setpriv') ? ['/usr/bin/setpriv', '--pdeathsig', 'KILL', ...command] : command;
}
