import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { install } from './debian.packages.js';

const run = promisify(execFile);

const KAFKA_VERSION = '4.1.0';
const pom = fileURLToPath(new URL('kafka.pom.xml', import.meta.url));
const cache = fileURLToPath(new URL(`../../.cache/kafka-${KAFKA_VERSION}`, import.meta.url));

/** The Java class path of Kafka; its artifacts (43 MB) are fetched once. */
export async function kafkaClassPath(): Promise<string> {
  await install('java');
  if (!existsSync(cache)) await fetchArtifacts();
  return `${cache}/*`;
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
