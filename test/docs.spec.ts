import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { GatewayOptions } from '../lib/gateway/gateway.options.js';
import { read, readFrame } from '../lib/gateway/socket/frame.reader.js';
import { encodeMessage } from '../lib/message/cloud-events.codec.js';
import { CloseCode, mayReconnect } from '../lib/protocol/close-codes.js';
import { ERROR_CODES } from '../lib/protocol/error-codes.js';
import { Markdown, quoted, ROOT } from './support/markdown.js';

const documents = {
  'README.md': await Markdown.read('README.md'),
  'PROTOCOL.md': await Markdown.read('PROTOCOL.md'),
  'CHANGELOG.md': await Markdown.read('CHANGELOG.md'),
};
const { 'README.md': readme, 'PROTOCOL.md': protocol } = documents;

// The whole library is compiled with the examples, beside the other suites.
vi.setConfig({ testTimeout: 180_000 });

describe.each(Object.entries(documents))('the links of %s', (name, document) => {
  it('lead to something that is there', async () => {
    const broken: string[] = [];
    for (const link of document.links) {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? name : path;
      if (!existsSync(join(ROOT, target))) broken.push(link);
      else if (anchor !== undefined && !(await Markdown.read(target)).anchors.includes(anchor)) broken.push(link);
    }
    expect(broken).toEqual([]);
  });
});

describe('the tables of PROTOCOL.md', () => {
  it('name every close code, and who may come back', () => {
    const [rows] = protocol.section('Close codes').tables;
    const printed = rows!.map(([code, name, reconnect]) => [quoted(name!)[0], Number(code), reconnect]);
    const ours = Object.entries(CloseCode).map(([name, code]) => [name, code, mayReconnect(code) ? 'yes' : 'no']);
    expect(printed).toEqual(ours);
  });

  it('name every error code, where it is explained and where a request ends by it', () => {
    const [explained] = protocol.section('Error codes').tables;
    const [forRequests] = protocol.section('What an error means for its request').tables;
    expect(explained!.map(([code]) => quoted(code!)[0])).toEqual([...ERROR_CODES]);
    expect(new Set(forRequests!.flatMap(([code]) => quoted(code!)))).toEqual(new Set(ERROR_CODES));
  });

  it('name every header of a record and every bread crumb', () => {
    const crumbs = {
      requestId: 'r',
      sessionId: 's',
      publicKey: 'p',
      correlationId: 'c',
      causationId: 'm',
      deadline: 1,
      due: 1,
    };
    const more = { timeoutId: 't', reply: { topic: 'a', partition: 0 }, attempt: 1, user: '{}', final: true };
    const { headers } = encodeMessage({
      id: 'i',
      source: '/s',
      traceparent: 't',
      tracestate: 't',
      baggage: 'b',
      payload: { kind: 'command', name: 'Do', data: null },
      breadCrumbs: { ...crumbs, ...more },
    });
    const [printedHeaders] = protocol.section('Records').tables;
    expect(new Set(printedHeaders!.map(([header]) => quoted(header!)[0]))).toEqual(new Set(Object.keys(headers)));
    const names = headers['ce_breadcrumbs'].split(';').map((pair) => pair.split('=')[0]);
    const [printedCrumbs] = protocol.section('Bread crumbs').tables;
    // Ordinary crumbs that services and gateways add, see lib/service/publishing/root.command.ts and lib/message/progress.ts.
    expect(new Set(printedCrumbs!.flatMap(([crumb]) => quoted(crumb!)))).toEqual(
      new Set([...names, 'command', 'progress']),
    );
  });

  it('name every header and reason of a dead letter', async () => {
    const source = await readFile(join(ROOT, 'lib/message/dead-letter.headers.ts'), 'utf8');
    const [headers, reasons] = protocol.section('Dead letters').tables;
    const firsts = (rows: string[][]) => rows.map(([name]) => quoted(name!)[0]!);
    expect(firsts(headers!).sort()).toEqual([...new Set(source.match(/dlq_\w+/g))].sort());
    const union = /type DeadLetterReason =(.*?);/s.exec(source)![1]!;
    expect(firsts(reasons!).sort()).toEqual([...union.matchAll(/'(\w+)'/g)].map(([, reason]) => reason!).sort());
  });
});

describe('what PROTOCOL.md says by default', () => {
  const { helloTimeout, ttl, limits } = new GatewayOptions();
  const seconds = (milliseconds: number) => `${milliseconds / 1_000} s`;

  it.each([
    ['time to the', seconds(helloTimeout)],
    ['a frame of the client', grouped(limits.payload)],
    ['frames a second', grouped(limits.rate)],
    ['channels of one socket', grouped(limits.channels)],
    ['connections of one gateway', grouped(limits.connections)],
    ['connections from one address', grouped(limits.connectionsPerAddress)],
    ['connections of one user', grouped(limits.connectionsPerUser)],
    ['requests of one gateway', grouped(limits.requests)],
    ['requests of one session', grouped(limits.requestsPerSession)],
    ['time to live', `${seconds(ttl.default)}, at most ${ttl.maximum / 60_000} min`],
    ['bytes that wait', `${limits.queue / 1024 ** 2} MiB`],
    ['records that are looked at', `${grouped(limits.replay)} a partition`],
  ])('is what the options say: %s', (name, value) => {
    const [rows] = protocol.section('Limits').tables;
    expect(rows!.find(([limit]) => limit!.startsWith(name))?.[1]).toBe(value);
  });

  it('explains every reason of a recovery that is not complete, and every status of an outcome', async () => {
    const reasons = protocol.section('recovered').tables[1]!.map(([reason]) => quoted(reason!)[0]!);
    const union = /type RecoveryReason = (.*?);/s.exec(await sourceOf('frames.ts'))![1]!;
    expect(reasons.sort()).toEqual([...union.matchAll(/'(\w+)'/g)].map(([, reason]) => reason!).sort());
    const statuses = protocol.section('The outcome').tables[0]!.map(([status]) => quoted(status!)[0]!);
    const named = (await sourceOf('outcome.ts')).matchAll(/status: ((?:'\w+'(?: \| )?)+)/g);
    const known = [...named].flatMap(([, some]) => [...some!.matchAll(/\w+/g)].map(([status]) => status));
    expect(statuses.sort()).toEqual([...new Set(known)].sort());
  });

  it('names the options of the conformance suite', async () => {
    const [, rows] = protocol.section('Conformance suite').tables;
    const source = await readFile(join(ROOT, 'conformance/main.mjs'), 'utf8');
    const options = [...source.matchAll(/^ {6}'?([a-z-]+)'?: \{ type:/gm)].map(([, name]) => `--${name}`);
    expect(rows!.map(([option]) => quoted(option!)[0])).toEqual(options);
  });
});

/** As the document writes numbers: 65 536. */
function grouped(value: number): string {
  return value.toLocaleString('en').replaceAll(',', ' ');
}

function sourceOf(file: string): Promise<string> {
  return readFile(join(ROOT, 'lib/protocol', file), 'utf8');
}

/** The frames that PROTOCOL.md prints: one by one where each is explained, and line by line in the dialogues. */
function printedFrames(): { text: string; direction?: string }[] {
  const explained = protocol.section('Messages').code('json');
  const said = protocol
    .section('Dialogues')
    .code('text')
    .flatMap((dialogue) => dialogue.split('\n'))
    .filter((line) => /^[→←] /.test(line));
  return [
    ...explained.map((text) => ({ text })),
    ...said.map((line) => ({ text: line.slice(2), direction: line.slice(0, 1) })),
  ];
}

describe('the frames that PROTOCOL.md prints', () => {
  const readers = { ...read, subscribe: read.subscription, unsubscribe: read.subscription, cancel: keep, pong: keep };

  it('are taken by the gateway where a client sends them', () => {
    const sent = printedFrames().filter(({ text, direction = '→' }) => {
      return direction === '→' && Object.hasOwn(readers, readFrame(text).event) && !text.includes('"short"');
    });
    expect(sent.length).toBeGreaterThan(10);
    for (const { text } of sent) {
      const { event, data } = readFrame(text);
      expect(readers[event as keyof typeof readers](data)).toEqual(data);
    }
  });

  it('are refused as it says where they are bad', () => {
    const [hello, error] = protocol
      .section('A bad hello')
      .code('text')[0]!
      .split('\n')
      .map((line) => line.slice(2));
    expect(() => read.hello(readFrame(hello!).data)).toThrow(readFrame(error!).data['message']);
  });

  it('are all there, and have the members that our types name', async () => {
    expect(await errorsIn('frames.ts')).toEqual([]);
  });
});

/** The printed frames as a program that compiles if they are right, and if none is missing. */
function framesSource(): string {
  const frames = printedFrames().map(({ text }) => text);
  const events = new Set(frames.map((text) => readFrame(text).event).filter((event) => !event.startsWith('socket/')));
  return `
    import type { BroadcastFrame, ClientFrames, GatewayFrames, ResultFrame } from 'nestjs-kafka-socket/client';
    type Of<F> = { [E in keyof F]: { event: E; id?: string; data: F[E] } }[keyof F];
    type Frame = Of<ClientFrames> | Of<GatewayFrames> | { event: \`socket/\${string}\`; data: ResultFrame | BroadcastFrame };
    export const frames: readonly Frame[] = [${frames.join(',\n')}];
    export const events: { readonly [E in keyof (ClientFrames & GatewayFrames)]: true } = {
      ${[...events].map((event) => `${event}: true`).join(', ')}
    };`;
}

describe('the examples of README.md', () => {
  const examples = readme.code('ts').map(exampleName);

  it('are all named, so that all are compiled', () => {
    expect(examples).toContain('bidding.ts');
    expect(examples).not.toContain(undefined);
  });

  it.each(examples)('type-check: %s', async (name) => {
    expect(await errorsIn(name!)).toEqual([]);
  });
});

describe('the picture of README.md', () => {
  it('is as wide in every line', () => {
    const [picture] = readme.code('text');
    expect(new Set(picture!.split('\n').map((line) => line.length)).size).toBe(1);
  });
});

describe('the endings of a command in README.md', () => {
  it('are all that send() can end with, outcomes and others', async () => {
    expect(await errorsIn('endings.ts')).toEqual([]);
  });
});

/** The statuses in the two tables as a program that compiles if they are those of our types. */
function endingsSource(): string {
  const [outcomes, others] = readme.section('How a command can end').tables;
  const named = (rows: string[][]) => rows.flatMap(([statuses]) => quoted(statuses!)).map((one) => `${one}: true`);
  return `
    import type { FailureStatus, OutcomeStatus } from 'nestjs-kafka-socket/client';
    export const outcomes: { readonly [S in OutcomeStatus]: true } = { ${named(outcomes!).join(', ')} };
    export const others: { readonly [S in Exclude<FailureStatus, OutcomeStatus>]: true } = { ${named(others!).join(', ')} };`;
}

describe('what README.md says for operators', () => {
  it('names every metric', async () => {
    const measured = await namesIn('lib', (file) => !file.startsWith('tracing/'));
    const [gateway, service] = readme.section('Metrics').tables;
    expect([...gateway!, ...service!].map(([name]) => quoted(name!)[0]!).sort()).toEqual(measured.sort());
  });

  it('names every attribute of a span that is ours', async () => {
    const attributes = new Set(await namesIn('lib/tracing'));
    const [, ours] = readme.section('Tracing').tables;
    expect(new Set(ours!.map(([name]) => quoted(name!)[0]!))).toEqual(attributes);
  });

  it('names every header of a dead letter', async () => {
    const source = await readFile(join(ROOT, 'lib/message/dead-letter.headers.ts'), 'utf8');
    const printed = readme.section('Dead letters').text.match(/dlq_\w+/g);
    expect(new Set(printed)).toEqual(new Set(source.match(/dlq_\w+/g)));
  });
});

/** All names in our namespace that stand as texts in the sources of a folder. */
async function namesIn(folder: string, wanted: (file: string) => boolean = () => true): Promise<string[]> {
  const files = (await readdir(join(ROOT, folder), { recursive: true })).filter((file) => file.endsWith('.ts'));
  const sources = await Promise.all(files.filter(wanted).map((file) => readFile(join(ROOT, folder, file), 'utf8')));
  return sources.flatMap((source) => source.match(/(?<=')kafka_socket(\.\w+)+(?=')/g) ?? []);
}

function keep(data: object): object {
  return data;
}

/** An example begins with the name of its file. */
function exampleName(code: string): string | undefined {
  return /^\/\/ (\S+\.ts)\n/.exec(code)?.[1];
}

let compiled: Promise<readonly string[]> | undefined;

/** What the compiler says about one of the files that the documents hold. They are compiled together, once. */
async function errorsIn(name: string): Promise<readonly string[]> {
  const named = readme.code('ts').filter((code) => exampleName(code) !== undefined);
  const files = new Map(named.map((code) => [exampleName(code)!, code]));
  files.set('endings.ts', endingsSource());
  files.set('frames.ts', framesSource());
  if (!files.has(name)) throw new Error(`README.md has no example ${name}.`);
  compiled ??= compile(files);
  return (await compiled).filter((error) => error.startsWith(`${name}(`));
}

/** Compiles files that stand in the repository for a moment, with its own settings; the library's errors are another check's. */
async function compile(files: ReadonlyMap<string, string>): Promise<readonly string[]> {
  await mkdir(join(ROOT, '.cache'), { recursive: true });
  const directory = await mkdtemp(join(ROOT, '.cache', 'docs-'));
  try {
    for (const [name, code] of files) await writeFile(join(directory, name), code);
    // An example may name what it shows and then end.
    const compilerOptions = { noUnusedLocals: false };
    const settings = { extends: '../../tsconfig.json', compilerOptions, include: ['*.ts'], exclude: [] };
    await writeFile(join(directory, 'tsconfig.json'), JSON.stringify(settings));
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
    const run = promisify(execFile)(process.execPath, [compiler, '-p', '.', '--pretty', 'false'], { cwd: directory });
    const { stdout } = await run.catch((failure: { stdout: string }) => failure);
    return stdout.split('\n').filter(Boolean);
  } finally {
    await rm(directory, { recursive: true });
  }
}
