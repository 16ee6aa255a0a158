import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { KafkaServer } from './support/kafka.server.js';
import { Markdown, ROOT } from './support/markdown.js';
import { describeWithKafka } from './support/real.parts.js';
import { type SampleEnvironment, SampleProcess } from './support/sample.process.js';

/** What cannot be looked at from the sample's socket: all else was looked at. */
const NOT_CHECKED = [
  ...['broadcast.4', 'broadcast.5', 'broadcast.6', 'close.1', 'connect.7', 'epoch.2', 'hello.5', 'hello.9'],
  ...[
    'limit.5',
    'limit.6',
    'limit.7',
    'position.6',
    'recovery.10',
    'recovery.12',
    'refresh.2',
    'refresh.3',
    'refresh.4',
  ],
  ...['repeat.7', 'request.12', 'request.13', 'result.2', 'welcome.4', 'welcome.5'],
];

describe('the conformance suite', () => {
  it('finds that the sample keeps every rule that can be looked at', { timeout: 180_000 }, async () => {
    const sample = await start();

    const { code, output, notChecked } = await conformance(sample.socketUrl);

    expect(code, output).toBe(0);
    expect(output).toContain('It conforms');
    expect(notChecked).toEqual(NOT_CHECKED);
  });

  it('tells what is wrong with its arguments, and leaves with 2', async () => {
    expect(await conformance('http://localhost:3000')).toMatchObject({ code: 2 });
    expect(await conformance('ws://localhost:3000', '--other-token', 'x')).toMatchObject({ code: 2 });
  });

  it('finds that nothing keeps a rule where no gateway is', async () => {
    const { code, output } = await conformance('ws://127.0.0.1:9/socket', '--only', 'welcome');
    expect(code).toBe(1);
    expect(output).toContain('It does NOT conform');
  });

  it('finds that no rule was kept where none was looked at', async () => {
    expect(await conformance('ws://127.0.0.1:9/socket', '--only', 'no-such-rule')).toMatchObject({ code: 1 });
  });
});

describeWithKafka('the conformance suite on Kafka and Redis', () => {
  it('finds the same where gateway and services are apart', { timeout: 240_000 }, async () => {
    const kafka = await KafkaServer.start(); // of its own: other suites run services of the sample, too
    onTestFinished(() => kafka.stop());
    const redis = inject('redisUrl');
    const parts = { KAFKA_BROKERS: kafka.addresses, ...(redis && { REDIS_URL: redis }) };
    const gateway = await start({ ...parts, ROLE: 'gateway' });
    await start({ ...parts, ROLE: 'service' });

    const { code, output, notChecked } = await conformance(gateway.socketUrl);

    expect(code, output).toBe(0);
    expect(notChecked).toEqual(NOT_CHECKED);
  });
});

/** The rules by which PROTOCOL.md binds gateways, and those that titles name, of what is looked at and of what is not. */
describe('the rules of PROTOCOL.md', () => {
  it('are those that the suite knows', async () => {
    const { text } = await Markdown.read('PROTOCOL.md');
    const rules = [...text.matchAll(/\*\*\[([a-z]+\.\d+)\]\*\*/g)].map(([, name]) => name!);
    const { output } = await conformance('ws://127.0.0.1:9/socket', '--list');
    expect(namesIn(output)).toEqual([...rules].sort());
  });
});

async function start(environment?: SampleEnvironment): Promise<SampleProcess> {
  const sample = await SampleProcess.start(environment);
  onTestFinished(() => sample.stop());
  return sample;
}

interface Answer {
  readonly code: number;
  readonly output: string;
  /** Rules of which something was not looked at. */
  readonly notChecked: readonly string[];
}

/** Runs the command as its users do. */
async function conformance(...args: string[]): Promise<Answer> {
  const command = promisify(execFile)(process.execPath, [join(ROOT, 'conformance/main.mjs'), ...args], {
    env: { ...process.env, NO_COLOR: '1' },
  });
  const {
    code = 0,
    stdout,
    stderr,
  } = await command.then((ended): Ended => ended).catch((failure: unknown) => failure as Ended);
  const output = `${stdout}\n${stderr}`;
  const skipped = output.split('\n').filter((line) => line.startsWith('–'));
  return { code, output, notChecked: namesIn(skipped.map((line) => line.split(':')[0]).join('\n')) };
}

interface Ended {
  readonly code?: number;
  readonly stdout: string;
  readonly stderr: string;
}

function namesIn(text: string): string[] {
  return [...new Set([...text.matchAll(/\[([a-z]+\.\d+)\]/g)].map(([, name]) => name!))].sort();
}
