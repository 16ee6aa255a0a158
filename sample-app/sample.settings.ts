import type { KafkaSocketModuleOptions } from 'nestjs-kafka-socket';

/** What this process is to be, as its environment says. */
export interface SampleSettings {
  port: number;
  /** Left out: the log is kept in the process. */
  brokers?: string[];
  /** Left out: time-outs are kept in the process. */
  redis?: KafkaSocketModuleOptions['redis'];
  /** Whether it serves the page and its sockets. */
  isGateway: boolean;
  /** Whether it handles commands. */
  isService: boolean;
}

/** Reads `PORT`, `KAFKA_BROKERS`, `REDIS_URL` and `ROLE`; names all that is wrong with them at once. */
export function readSettings(environment: Record<string, string | undefined>): SampleSettings {
  const { PORT, KAFKA_BROKERS, REDIS_URL, ROLE } = environment;
  const problems: string[] = [];
  const settings: SampleSettings = {
    port: readPort(PORT, problems),
    brokers: KAFKA_BROKERS ? readBrokers(KAFKA_BROKERS, problems) : undefined,
    redis: REDIS_URL ? readRedis(REDIS_URL, problems) : undefined,
    isGateway: !ROLE || ROLE === 'gateway',
    isService: !ROLE || ROLE === 'service',
  };
  if (ROLE && !settings.isGateway && !settings.isService) {
    problems.push(`ROLE is "${ROLE}". Set it to "gateway" or "service", or leave it out to run both in one process.`);
  }
  if (ROLE && !KAFKA_BROKERS) {
    problems.push(
      'ROLE is set and KAFKA_BROKERS is not: each process would keep a log of its own in memory, and the two halves ' +
        'could never meet. Set KAFKA_BROKERS=host:9092 for both, or leave ROLE out.',
    );
  }
  if (problems.length > 0) throw new Error(['The sample cannot start:', ...problems].join('\n- '));
  return settings;
}

function readPort(text: string | undefined, problems: string[]): number {
  const port = Number(text || 3000);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    problems.push(`PORT is "${text}". Set it to a number up to 65535, or leave it out for 3000.`);
  }
  return port;
}

function readBrokers(text: string, problems: string[]): string[] {
  const brokers = text.split(',').map((broker) => broker.trim());
  if (!brokers.every((broker) => /^[^\s:]+:\d+$|^\[[^\s\]]+\]:\d+$/.test(broker))) {
    problems.push(`KAFKA_BROKERS is "${text}". Write host:port, several with commas between them.`);
  }
  return brokers;
}

function readRedis(text: string, problems: string[]): KafkaSocketModuleOptions['redis'] {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const db = url?.pathname.slice(1) ?? '';
  if (!url || !/^rediss?:$/.test(url.protocol) || !url.hostname || !/^\d*$/.test(db)) {
    // The text may hold a password, so it is not repeated.
    problems.push(
      'REDIS_URL is no Redis address. Write redis://host:6379, or rediss://user:password@host:6379/0 for TLS.',
    );
    return undefined;
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || 6379),
    db: Number(db || 0),
    ...(url.username && { username: decodeURIComponent(url.username) }),
    ...(url.password && { password: decodeURIComponent(url.password) }),
    ...(url.protocol === 'rediss:' && { tls: {} }),
  };
}
