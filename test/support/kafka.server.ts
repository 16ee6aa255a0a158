import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import { freePorts } from './free.ports.js';
import { classArchive, kafkaClassPath, keepClasses } from './kafka.artifacts.js';
import { ServerProcess } from './server.process.js';
import { TemporaryDirectory } from './temporary.directory.js';

const run = promisify(execFile);

/**
 * Most brokers of the tests live for seconds, in which a second compiler and a second collector only cost: 4.4 s of processor time
 * until a broker answers, 3.4 s with these arguments.
 */
const QUICK_START = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];

type BrokerProperties = Record<string, string | number | boolean>;

export interface KafkaServerOptions {
  /**
   * How many brokers, each of them a controller too.
   * @default 1
   */
  brokers?: 1 | 3;
  /** Broker settings beside or instead of the usual ones, such as `log.retention.ms`; for listeners, made from a broker's id, from 1 up, and ports. */
  properties?: BrokerProperties | ((broker: { id: number; port: number; controllerPort: number }) => BrokerProperties);
  /**
   * Arguments of `java` instead of those that let it start soon, at the price of what it can do at best.
   * @default QUICK_START
   */
  java?: readonly string[];
}

/** One broker; it keeps its port and its data over kills and restarts. */
export class KafkaBroker {
  constructor(
    /** `host:port` */
    readonly address: string,
    private readonly logFile: string,
    private readonly process: ServerProcess,
  ) {}

  /** The version that it wrote into its log when it started: the protocol does not tell. */
  get version(): string {
    return /Kafka version: (\S+)/.exec(readFileSync(this.logFile, 'utf8'))?.[1] ?? 'of unknown version';
  }

  /** Starts it, for the first time or again, and waits until the cluster counts it. */
  start(): Promise<void> {
    return this.process.start();
  }

  /** kill -9 */
  kill(): Promise<void> {
    return this.process.kill();
  }

  /** SIGSTOP: connections stay open, and nobody answers. */
  freeze(): void {
    this.process.freeze();
  }

  /** SIGCONT */
  thaw(): void {
    this.process.thaw();
  }

  get isRunning(): boolean {
    return this.process.isRunning;
  }

  /** Lets nothing be written any more, as on a full disk. Kafka ends a broker that has no other one. */
  fillDisk(): void {
    this.process.fillDisk();
  }

  /** How often the controllers had elected when they elected this one last, by its log: the protocol names any broker. 0: never. */
  get controllerEpoch(): number {
    const elections = readFileSync(this.logFile, 'utf8').matchAll(/Becoming the active controller at epoch (\d+)/g);
    return Math.max(0, ...Array.from(elections, ([, epoch]) => Number(epoch)));
  }

  /** An orderly shutdown, which hands its partitions over first. */
  stop(): Promise<void> {
    return this.process.stop();
  }
}

/** A real Apache Kafka (KRaft) of one's own on free ports of 127.0.0.1; topics are not created by touching them. */
export class KafkaServer {
  private constructor(
    readonly brokers: KafkaBroker[],
    private readonly directory: TemporaryDirectory,
  ) {}

  static async start(options: KafkaServerOptions = {}): Promise<KafkaServer> {
    const classPath = await kafkaClassPath();
    const directory = new TemporaryDirectory('kafka');
    const nodes = await layOut(options.brokers ?? 1, directory.path);
    const clusterId = randomBytes(16).toString('base64url');
    await Promise.all(nodes.map((node) => format(node, nodes, clusterId, classPath, options)));
    const kafka = new KafkaServer(
      nodes.map((node) => brokerOf(node, nodes.length, classPath, options.java)),
      directory,
    );
    try {
      await Promise.all(kafka.brokers.map((broker) => broker.start()));
    } catch (error) {
      await kafka.stop();
      throw error;
    }
    return kafka;
  }

  /**
   * Runs a broker once for all that will be started: with the classes that it loaded they take 1.6 s of processor time each until
   * they answer, and not 3.4 s. To be called where nobody starts one at the same time.
   */
  static async rehearse(): Promise<void> {
    await kafkaClassPath();
    await keepClasses(async (argument) => {
      const kafka = await KafkaServer.start({ java: [...QUICK_START, argument] });
      await kafka.brokers[0]!.stop();
      await kafka.stop();
    });
  }

  /** The addresses of all brokers, comma separated. */
  get addresses(): string {
    return this.brokers.map((broker) => broker.address).join(',');
  }

  /** The broker that leads the controllers. */
  get controller(): KafkaBroker {
    return this.brokers.reduce((one, other) => (other.controllerEpoch > one.controllerEpoch ? other : one));
  }

  /** The version that really runs. */
  get version(): string {
    return this.brokers[0]!.version;
  }

  /** Ends all brokers and removes their data. */
  async stop(): Promise<void> {
    await Promise.all(this.brokers.map((broker) => broker.kill()));
    this.directory.remove();
  }
}

interface Node {
  id: number;
  port: number;
  controllerPort: number;
  /** Path without extension of its `.properties`, `.data` and `.log`. */
  path: string;
}

async function layOut(count: number, directory: string): Promise<Node[]> {
  const ports = await freePorts(count * 2);
  return Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    port: ports[index]!,
    controllerPort: ports[count + index]!,
    path: join(directory, `broker-${index + 1}`),
  }));
}

async function format(
  node: Node,
  nodes: Node[],
  clusterId: string,
  classPath: string,
  options: KafkaServerOptions,
): Promise<void> {
  const given = typeof options.properties === 'function' ? options.properties(node) : options.properties;
  const properties = { ...propertiesOf(node, nodes), ...given };
  const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}\n`);
  const file = `${node.path}.properties`;
  await writeFile(file, lines.join(''));
  // In one word: the tool takes an id that begins with a hyphen for another option.
  const formatting = ['kafka.tools.StorageTool', 'format', '--config', file, `--cluster-id=${clusterId}`];
  await run('java', [...QUICK_START, ...classArchive(), '-cp', classPath, ...formatting]);
}

function propertiesOf(node: Node, nodes: Node[]): Record<string, string | number | boolean> {
  const replicas = nodes.length;
  const inSync = replicas > 1 ? 2 : 1;
  return {
    'process.roles': 'broker,controller',
    'node.id': node.id,
    'controller.quorum.voters': nodes.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`).join(','),
    listeners: `PLAINTEXT://127.0.0.1:${node.port},CONTROLLER://127.0.0.1:${node.controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${node.port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': `${node.path}.data`,
    'auto.create.topics.enable': false,
    'default.replication.factor': replicas,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    // The defaults of 50 partitions each, and of 3 s for a new group, would be most of a test's time.
    'offsets.topic.num.partitions': 1,
    'transaction.state.log.num.partitions': 1,
    'group.initial.rebalance.delay.ms': 0,
    // A killed broker may not come back before its session has ended, which takes 9 s by default.
    'broker.session.timeout.ms': 4000,
    'broker.heartbeat.interval.ms': 1000,
    // So that a test of retention need not wait five minutes for the cleaner to look.
    'log.retention.check.interval.ms': 1000,
  };
}

function brokerOf(node: Node, clusterSize: number, classPath: string, java = quickStart()): KafkaBroker {
  const address = `127.0.0.1:${node.port}`;
  const logFile = `${node.path}.log`;
  const server = new ServerProcess({
    name: `Kafka broker ${node.id}`,
    command: 'java',
    args: [...java, '-Xms128m', '-Xmx512m', '-cp', classPath, 'kafka.Kafka', `${node.path}.properties`],
    logFile,
    isReady: () => isMember(address, node.id, clusterSize),
  });
  return new KafkaBroker(address, logFile, server);
}

function quickStart(): readonly string[] {
  return [...QUICK_START, ...classArchive()];
}

/** An open port is not enough: until the controllers count a broker, topics cannot be placed on it. */
async function isMember(address: string, id: number, clusterSize: number): Promise<boolean> {
  const { brokers, controller } = await describeKafka(address);
  const majority = Math.floor(clusterSize / 2) + 1;
  return controller !== null && brokers.length >= majority && brokers.some((broker) => broker.nodeId === id);
}

/** Who is in the cluster that answers at this address. */
export async function describeKafka(addresses: string) {
  const kafka = new Kafka({
    brokers: addresses.split(','),
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1_000,
    requestTimeout: 3_000,
    retry: { retries: 0 },
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    return await admin.describeCluster();
  } finally {
    await admin.disconnect();
  }
}
