import { connect } from 'node:net';
import { join } from 'node:path';
import { install } from './debian.packages.js';
import { freePorts } from './free.ports.js';
import { ServerProcess } from './server.process.js';
import { TemporaryDirectory } from './temporary.directory.js';

/** A real Redis of one's own, that keeps nothing on disk. */
export class RedisServer {
  private constructor(
    readonly url: string,
    private readonly directory: TemporaryDirectory,
    private readonly process: ServerProcess,
  ) {}

  static async start(): Promise<RedisServer> {
    await install('redis-server');
    const [port] = await freePorts(1);
    const url = `redis://127.0.0.1:${port}`;
    const directory = new TemporaryDirectory('redis');
    const server = new ServerProcess({
      name: 'Redis',
      command: 'redis-server',
      args: [`--port ${port}`, '--bind 127.0.0.1', '--save ""', '--appendonly no', `--dir ${directory.path}`].flatMap(
        split,
      ),
      logFile: join(directory.path, 'redis.log'),
      isReady: async () => (await askRedis(url, 'PING')).startsWith('+PONG'),
    });
    const redis = new RedisServer(url, directory, server);
    await server.start();
    return redis;
  }

  /** Cuts its power; what it held is gone. */
  kill(): Promise<void> {
    return this.process.kill();
  }

  /** Starts it again on the same port, empty. */
  restart(): Promise<void> {
    return this.process.start();
  }

  /** Forgets all that it holds, as if its disk were lost, while connections stay. */
  async empty(): Promise<void> {
    await askRedis(this.url, 'FLUSHALL');
  }

  /** Stops it and removes its files. */
  async stop(): Promise<void> {
    await this.process.kill();
    this.directory.remove();
  }
}

/** The version of what really answers there. */
export async function redisVersion(url: string): Promise<string> {
  const info = await askRedis(url, 'INFO server');
  return /redis_version:(\S+)/.exec(info)?.[1] ?? `of unknown version (${info.trim()})`;
}

/** Sends one inline command of Redis's protocol, so that asking needs no client, and gives the raw answer. */
function askRedis(url: string, command: string): Promise<string> {
  const { hostname, port, username, password } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port || 6379), hostname);
    let answer = '';
    socket.setTimeout(5_000, () => socket.destroy(new Error(`Redis at ${hostname}:${port} did not answer within 5 s`)));
    socket.on('data', (chunk) => (answer += String(chunk)));
    socket.once('error', reject);
    socket.once('close', () => resolve(answer));
    const login = password ? `AUTH ${username || 'default'} ${password}\r\n` : '';
    socket.write(`${login}${command}\r\nQUIT\r\n`);
  });
}

function split(argument: string): string[] {
  const [name, value] = argument.split(' ');
  return [name!, value === '""' ? '' : value!];
}
