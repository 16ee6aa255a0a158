import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { KafkaSocketModule } from 'nestjs-kafka-socket';
import { describe, expect, it, vi } from 'vitest';
import { read, readFrame } from '../lib/gateway/frame.reader.js';
import { ClientOptions } from '../lib/client/client.options.js';
import { GatewayOptions } from '../lib/gateway/gateway.options.js';
import { KafkaOptions, MemoryLogOptions } from '../lib/log/log.options.js';
import { encodeMessage } from '../lib/message/cloud-events.codec.js';
import { CloseCode, mayReconnect } from '../lib/protocol/close-codes.js';
import { ERROR_CODES } from '../lib/protocol/error-codes.js';
import { ServiceOptions } from '../lib/service/service.options.js';
import { MemoryTimeoutOptions, RedisOptions } from '../lib/timeout/timeout.options.js';
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
    };
    const more = { timeoutId: 't', reply: { topic: 'a', partition: 0 }, attempt: 1, user: '{}', final: true };
    const { headers } = encodeMessage({
      id: 'i',
      source: '/s',
      traceparent: 't',
      payload: { kind: 'command', name: 'Do', data: null },
      breadCrumbs: { ...crumbs, ...more },
    });
    const [printedHeaders] = protocol.section('Records').tables;
    expect(new Set(printedHeaders!.map(([header]) => quoted(header!)[0]))).toEqual(new Set(Object.keys(headers)));
    const names = headers['ce_breadcrumbs']!.split(';').map((pair) => pair.split('=')[0]);
    const [printedCrumbs] = protocol.section('Bread crumbs').tables;
    // `command` is an ordinary crumb that services add, see lib/service/root.command.ts.
    expect(new Set(printedCrumbs!.flatMap(([crumb]) => quoted(crumb!)))).toEqual(new Set([...names, 'command']));
  });

  it('name every header and reason of a dead letter', async () => {
    const source = await readFile(join(ROOT, 'lib/service/dead-letter.ts'), 'utf8');
    const [headers, reasons] = protocol.section('Dead letters').tables;
    const firsts = (rows: string[][]) => rows.map(([name]) => quoted(name!)[0]!);
    expect(firsts(headers!).sort()).toEqual([...new Set(source.match(/dlq_\w+/g))].sort());
    const union = /type DeadLetterReason =(.*?);\n/s.exec(source)![1]!;
    expect(firsts(reasons!).sort()).toEqual([...union.matchAll(/'(\w+)'/g)].map(([, reason]) => reason!).sort());
  });
});

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
    expect(new Set(picture!.split('\n').map((line) => [...line].length)).size).toBe(1);
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
    const source = await readFile(join(ROOT, 'lib/gateway/gateway.metrics.ts'), 'utf8');
    const named = new Set(readme.section('In production').text.match(/kafka_socket\.\w+/g));
    expect(named).toEqual(new Set(source.match(/kafka_socket\.\w+/g)));
  });

  it('names every header of a dead letter', async () => {
    const source = await readFile(join(ROOT, 'lib/service/dead-letter.ts'), 'utf8');
    const printed = readme.section('Dead letters').text.match(/dlq_\w+/g);
    expect(new Set(printed)).toEqual(new Set(source.match(/dlq_\w+/g)));
  });
});

/** All options by their full names, with what they are where nobody says anything. */
function defaults(): Map<string, unknown> {
  const { name: service, ...handlers } = new ServiceOptions();
  const found = new Map<string, unknown>();
  const collect = (value: unknown, path: string): void => {
    // A plain object is one value, and an instance of a class is options with names of their own.
    const isClass = typeof value === 'object' && value !== null && /Options|Limits/.test(value.constructor.name);
    if (!isClass || path === 'kafka.createTopics') found.set(path, value);
    else for (const [key, inner] of Object.entries(value)) collect(inner, `${path}.${key}`);
  };
  collect(service, 'service');
  for (const [key, value] of Object.entries(handlers)) collect(value, `handlers.${key}`);
  collect(new KafkaOptions(), 'kafka');
  collect(new RedisOptions(), 'redis');
  collect(new GatewayOptions(), 'gateway');
  collect(new MemoryLogOptions(), 'memory');
  collect(new MemoryTimeoutOptions(), 'timeouts');
  found.set('log', undefined);
  found.set('isGlobal', KafkaSocketModule.forRoot({ service: 'x' }).global);
  return found;
}

describe('the options table of README.md', () => {
  const options = defaults();
  const [rows] = readme.section('Options').tables;
  const named = printedOptions(rows!);

  it('names every option, and no other', () => {
    expect(named.map(({ name }) => name).sort()).toEqual([...options.keys()].sort());
  });

  it('says which default each of them has', () => {
    expect(wrongDefaults(named, options)).toEqual([]);
  });

  it('says what each of them is for', () => {
    expect(rows!.filter((cells) => cells.length !== 3 || cells.includes(''))).toEqual([]);
  });

  it('has every option that a text of the library names', async () => {
    const groups = [...options.keys()].flatMap((name) =>
      name.split('.').map((_, end, parts) => parts.slice(0, end).join('.')),
    );
    const known = new Set([...options.keys(), ...groups]);
    const wrong: string[] = [];
    const files = await readdir(join(ROOT, 'lib'), { recursive: true });
    for (const file of files.filter((name) => name.endsWith('.ts'))) {
      const names = optionsNamedIn(await readFile(join(ROOT, 'lib', file), 'utf8'));
      wrong.push(...names.filter((name) => !known.has(name)).map((name) => `${file}: ${name}`));
    }
    expect(wrong).toEqual([]);
  });
});

describe('the table of the client’s options in README.md', () => {
  const { clock, random, reconnect, ...rest } = new ClientOptions(); // the first two are for tests
  const given = { WebSocket: undefined, token: undefined, identity: undefined };
  const reconnects = Object.entries(reconnect).map(([name, value]) => [`reconnect.${name}`, value] as const);
  const options = new Map<string, unknown>([...Object.entries({ ...given, ...rest }), ...reconnects]);
  const named = printedOptions(readme.section('Options of the client').tables[0]!);

  it('names every option, and no other', () => {
    expect([clock, random]).not.toContain(undefined);
    expect(named.map(({ name }) => name).sort()).toEqual([...options.keys()].sort());
  });

  it('says which default each of them has', () => {
    expect(wrongDefaults(named, options)).toEqual([]);
  });
});

interface PrintedOption {
  readonly name: string;
  readonly value: unknown;
}

function printedOptions(rows: string[][]): PrintedOption[] {
  return rows.flatMap(([names, values]) => {
    const given = printedDefaults(values!);
    return fullNames(quoted(names!)).map((name, index) => ({ name, value: given[index] }));
  });
}

function wrongDefaults(named: readonly PrintedOption[], options: ReadonlyMap<string, unknown>): string[] {
  return named
    .filter(({ name, value }) => JSON.stringify(value) !== JSON.stringify(emptyAsNone(options.get(name))))
    .map(({ name, value }) => `${name}: ${JSON.stringify(value)}, and not ${JSON.stringify(options.get(name))}`);
}

/** The options that messages name by their full paths. Code is `this.kafka.x` or `kafka.x(`, and files end in `.js`. */
function optionsNamedIn(source: string): string[] {
  const texts = source.replaceAll(/^(import|export) .*$/gm, '').match(/'[^'\n]*'|`[^`\n]*`|"[^"\n]*"/g) ?? [];
  const path = /(?<![\w./$@-])(?:kafka|memory|redis|timeouts|gateway|handlers|service)(?:\.[a-z]\w*)+(?![\w(/]|\.\w)/g;
  return texts.map((text) => text.replaceAll(/\$\{[^}]*\}/g, '')).flatMap((text) => text.match(path) ?? []);
}

/** `kafka.ssl`, `sasl` are kafka.ssl and kafka.sasl. */
function fullNames(names: readonly string[]): string[] {
  const group = names[0]!.slice(0, names[0]!.lastIndexOf('.') + 1);
  return names.map((name) => (name.startsWith(group) ? name : group + name));
}

/** The values of a cell in their order; none where it says in words what holds. */
function printedDefaults(cell: string): unknown[] {
  if (!/[`\d]/.test(cell) || cell.includes('](')) return [];
  return cell.split(/, (?![^{]*\})/).map((text) => {
    const [code] = quoted(text);
    if (code === undefined) return numberIn(text);
    if (!/^[{'\d]|^true$|^false$/.test(code)) return code;
    return JSON.parse(code.replaceAll(/(\w+):/g, '"$1":').replaceAll("'", '"')) as unknown;
  });
}

function numberIn(text: string): unknown {
  if (text === '–') return undefined;
  const [, digits, mebi] = /^([\d ]+?)( MiB)?$/.exec(text)!;
  return Number(digits!.replaceAll(' ', '')) * (mebi ? 1024 * 1024 : 1);
}

/** What stands there only because a class must say something, and has to be given or means none. */
function emptyAsNone(value: unknown): unknown {
  return value === '' || (Array.isArray(value) && value.length === 0) ? undefined : value;
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
  const files = new Map(readme.code('ts').map((code) => [exampleName(code)!, code]));
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
