import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { install } from './debian.packages.js';

const run = promisify(execFile);

const KAFKA_VERSION = '4.1.0';
// By the package's own name: the benchmarks run this file from where it was compiled to.
const root = dirname(createRequire(import.meta.url).resolve('nestjs-kafka-socket/package.json'));
const pom = join(root, 'test/support/kafka.pom.xml');
const cache = join(root, `.cache/kafka-${KAFKA_VERSION}`);
/** Beside the artifacts that it was made of, whose times it holds. */
const archive = join(cache, 'classes.jsa');

/** The Java class path of Kafka; its artifacts (43 MB) are fetched once. */
export async function kafkaClassPath(): Promise<string> {
  await install('java');
  if (!existsSync(cache)) await fetchArtifacts();
  return `${cache}/*`;
}

/** Arguments of `java` that use the classes of Kafka as an earlier process had loaded them; none where nobody kept them yet. */
export function classArchive(): string[] {
  return existsSync(archive) ? [`-XX:SharedArchiveFile=${archive}`] : [];
}

/**
 * Has the classes of a Kafka kept for all that follow.
 * @param rehearse runs one with this argument of `java`, and ends it in good order
 */
export async function keepClasses(rehearse: (argument: string) => Promise<void>): Promise<void> {
  if (existsSync(archive)) return;
  const draft = `${archive}.${process.pid}`;
  await rehearse(`-XX:ArchiveClassesAtExit=${draft}`);
  if (existsSync(draft)) await rename(draft, archive);
}

/** Fetches beside the cache and renames at the end: an interrupted download never looks like a whole one. */
async function fetchArtifacts(): Promise<void> {
  await install('mvn');
  console.log(`Fetching Kafka ${KAFKA_VERSION} from Maven …`);
  const directory = `${cache}.${process.pid}`;
  await mkdir(directory, { recursive: true });
  try {
    const version = `-Dkafka.version=${KAFKA_VERSION}`;
    const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${directory}`];
    await run('mvn', ['--batch-mode', '--quiet', '--file', pom, version, ...goal], { maxBuffer: 64 * 1024 * 1024 });
    await rename(directory, cache).catch(unlessAnotherWasFaster);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function unlessAnotherWasFaster(error: unknown): void {
  if (!existsSync(cache)) throw error;
}
