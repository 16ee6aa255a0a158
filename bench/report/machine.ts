import { readFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';

/** What figures are true of. */
export interface Machine {
  readonly processor: string;
  readonly memory: string;
  /** How busy it was at the end, ours included: the average of a minute. */
  readonly load: number;
  /** By name: Node, Kafka, Redis and the packages that are compared. */
  readonly versions: Readonly<Record<string, string>>;
}

const PACKAGES = ['kafkajs', 'ws', 'bull', '@nestjs/core', '@nestjs/microservices'];
const GIB = 1_073_741_824;

/** @param servers the versions of those that were asked */
export function describeMachine(servers: Readonly<Record<string, string>>): Machine {
  const [first] = cpus();
  const packages = PACKAGES.map((name) => [name, versionOf(name)]);
  return {
    processor: `${cpus().length} x ${first?.model.trim() ?? 'unknown'}`,
    memory: `${Math.round(totalmem() / GIB)} GiB`,
    load: Number(loadavg()[0]!.toFixed(1)),
    versions: { Node: process.version.slice(1), ...servers, ...Object.fromEntries(packages) },
  };
}

/** Of the package as it is installed; from where the benchmarks are run. */
function versionOf(name: string): string {
  const manifest = JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')) as { version: string };
  return manifest.version;
}
