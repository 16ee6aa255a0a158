import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KafkaSocketModule } from 'nestjs-kafka-socket';
import { describe, expect, it } from 'vitest';
import { ClientOptions } from '../lib/client/client.options.js';
import { GatewayOptions } from '../lib/gateway/gateway.options.js';
import { KafkaOptions, MemoryLogOptions } from '../lib/log/log.options.js';
import { ServiceOptions } from '../lib/service/service.options.js';
import { MemoryTimeoutOptions, RedisOptions } from '../lib/timeout/timeout.options.js';
import { Markdown, quoted, ROOT } from './support/markdown.js';

const readme = await Markdown.read('README.md');

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
  const given = { WebSocket: undefined, crypto: undefined, token: undefined, identity: undefined };
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
