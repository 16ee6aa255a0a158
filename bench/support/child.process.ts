import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';

/** What a child can be asked for, by name. */
export type Answers = Readonly<Record<string, (...args: never[]) => unknown>>;

/** The same, seen from outside. */
type Questions<A extends Answers> = {
  readonly [N in keyof A]: (...args: Parameters<A[N]>) => Promise<Awaited<ReturnType<A[N]>>>;
};

interface Question {
  readonly id: number;
  readonly name: string;
  readonly args: never[];
}

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

interface Asked {
  resolve(value: never): void;
  reject(error: Error): void;
  readonly limit: NodeJS.Timeout;
}

/** How a child runs. */
export interface ChildOptions {
  /**
   * How far it stands back behind others, as `nice` counts. Whoever only makes load should: else it takes the processor away
   * from what is measured.
   * @default 0
   */
  readonly nice?: number;
  /** Whether `--profile` means this one: what is ours. */
  readonly profiled?: boolean;
}

const STOP_LIMIT = 10_000;
/** How long a child may take for an answer, in milliseconds: nothing here takes nearly as long. */
const ANSWER_LIMIT = 180_000;

/** A part of a case in a process of its own, so that nobody's work counts as another's. It ends with the process that started it. */
export class Child<A extends Answers> {
  private readonly asked = new Map<number, Asked>();
  private last = 0;

  /** Asks the child, and waits for its answer. */
  readonly ask = new Proxy({} as Questions<A>, {
    get:
      (_, name) =>
      (...args: never[]) =>
        this.question(String(name), args),
  });

  private constructor(private readonly child: ChildProcess) {
    child.on('message', (message) => this.answered(message as Answer));
    child.once('exit', (code, signal) => {
      for (const { reject, limit } of this.asked.values()) {
        clearTimeout(limit);
        reject(new Error(`A child ended (${code ?? signal}) unasked.`));
      }
    });
  }

  /** @param module what it runs, which calls {@link answer} */
  static start<A extends Answers>(module: URL, { nice = 0, profiled = false }: ChildOptions = {}): Child<A> {
    const profile = process.env.BENCH_PROFILE;
    const execArgv = [...process.execArgv, ...(profiled && profile ? ['--cpu-prof', `--cpu-prof-dir=${profile}`] : [])];
    // What it prints is for people: standard output holds the figures.
    const child = fork(fileURLToPath(module), { execArgv, serialization: 'advanced', stdio: ['ignore', 2, 2, 'ipc'] });
    if (nice !== 0) setPriority(child.pid!, nice);
    return new Child<A>(child);
  }

  /** Ends it; safe to call twice. */
  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    if (this.child.connected) this.child.disconnect();
    const limit = setTimeout(() => this.child.kill('SIGKILL'), STOP_LIMIT);
    await ended;
    clearTimeout(limit);
  }

  private question(name: string, args: never[]): Promise<never> {
    const id = ++this.last;
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => reject(new Error(`A child did not answer "${name}" in time.`)), ANSWER_LIMIT);
      this.asked.set(id, { resolve, reject, limit });
      this.child.send({ id, name, args } satisfies Question, (error) => error && reject(error));
    });
  }

  private answered({ id, value, error }: Answer): void {
    const asked = this.asked.get(id)!;
    this.asked.delete(id);
    clearTimeout(asked.limit);
    if (error === undefined) asked.resolve(value as never);
    else asked.reject(new Error(error));
  }
}

/** In the child: answers until the process that asks is gone. */
export function answer(answers: Answers): void {
  process.once('disconnect', () => process.exit());
  process.on('message', (question: Question) => void reply(answers, question));
}

async function reply(answers: Answers, { id, name, args }: Question): Promise<void> {
  try {
    const value = await answers[name]!(...args);
    process.send!({ id, value } satisfies Answer);
  } catch (error) {
    process.send!({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}
