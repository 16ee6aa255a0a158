import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from './free.ports.js';
import { ServerProcess } from './server.process.js';
import { TemporaryDirectory } from './temporary.directory.js';

const program = fileURLToPath(new URL('../../dist/sample-app/main.js', import.meta.url));

/** What the sample reads from its environment, beside its port. */
export type SampleEnvironment = Partial<Record<'KAFKA_BROKERS' | 'REDIS_URL' | 'ROLE', string>>;

/** The sample as it was built, started as its users start it, on a port of its own. */
export class SampleProcess {
  private constructor(
    readonly port: number,
    private readonly directory: TemporaryDirectory,
    private readonly process: ServerProcess,
  ) {}

  /** Starts it and waits until it says that it is ready. */
  static async start(environment: SampleEnvironment = {}): Promise<SampleProcess> {
    if (!existsSync(program)) throw new Error(`${program} is missing. Run \`npm run build\` first.`);
    const [port] = (await freePorts(1)) as [number];
    const directory = new TemporaryDirectory('sample');
    const server = new ServerProcess({
      name: `The sample (${environment.ROLE ?? 'all in one'})`,
      command: 'env',
      args: [...variables({ ...environment, PORT: String(port) }), process.execPath, '--enable-source-maps', program],
      logFile: join(directory.path, 'sample.log'),
      isReady: async () => (await fetch(`http://127.0.0.1:${port}/health`)).ok,
    });
    const sample = new SampleProcess(port, directory, server);
    await sample.restart();
    return sample;
  }

  /** Where its page is. */
  get url(): string {
    return `http://localhost:${this.port}/`;
  }

  /** Where clients connect. */
  get socketUrl(): string {
    return `ws://127.0.0.1:${this.port}/socket`;
  }

  /** Asks one of its HTTP paths. */
  get(path: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.port}${path}`);
  }

  /** Ends it in good order; it can be started again. */
  halt(): Promise<void> {
    return this.process.stop();
  }

  /** Starts it again on the same port. */
  async restart(): Promise<void> {
    await this.process.start();
  }

  /** Ends it for good. */
  async stop(): Promise<void> {
    await this.process.stop();
    this.directory.remove();
  }
}

/** As arguments of `env`; what this process was told about Kafka and Redis is not for the sample. */
function variables(environment: Readonly<Record<string, string>>): string[] {
  const unset = ['KAFKA_BROKERS', 'REDIS_URL', 'ROLE', 'NODE_ENV'].flatMap((name) => ['-u', name]);
  return [...unset, ...Object.entries(environment).map(([name, value]) => `${name}=${value}`)];
}
