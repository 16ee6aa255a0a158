import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApplication, pack, root, type Tarball } from './support/npm.package.js';
import { TemporaryDirectory } from './support/temporary.directory.js';

const run = promisify(execFile);
const bin = (name: string) => join(root, 'node_modules/.bin', name);

/** Runs what `npm run build` left in dist, as `npm test` does before. */
describe('the package that is published', () => {
  const directory = new TemporaryDirectory('pack');
  let tarball: Tarball;

  beforeAll(async () => {
    tarball = await pack(directory.path);
  });
  afterAll(directory.remove);

  it('holds what users need, and nothing else', () => {
    const [code, papers] = partition(tarball.files, (file) => file.startsWith('dist/lib/'));

    expect(papers.sort()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'PROTOCOL.md',
      'PROTOCOL.vectors.json',
      'README.md',
      'docs/guarantees.md',
      'package.json',
    ]);
    expect(code.filter((file) => !/\.(js|js\.map|d\.ts)$/.test(file))).toEqual([]);
    expect(code).toEqual(expect.arrayContaining(['', 'client/', 'testing/'].flatMap(entryFiles)));
  });

  it('has nothing to run when it is installed, so that --ignore-scripts takes nothing away', async () => {
    const { stdout } = await run('tar', ['-xzOf', tarball.path, 'package/package.json']);
    const { scripts, gypfile } = JSON.parse(stdout) as Manifest;

    expect(Object.keys(scripts).filter((name) => INSTALL_SCRIPTS.test(name))).toEqual([]);
    // npm would run node-gyp by itself.
    expect(gypfile).toBeUndefined();
    expect(tarball.files.filter((file) => file.endsWith('.gyp'))).toEqual([]);
  });

  it('comes from a lockfile with a digest for each of its dependencies, none of which needs an install script', async () => {
    const { packages } = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as Lockfile;
    const { dependencies, peerDependencies } = packages['']!;
    const names = Object.keys({ ...dependencies, ...peerDependencies });

    expect(names).toContain('kafkajs');
    expect(names.filter((name) => !packages[`node_modules/${name}`]?.integrity)).toEqual([]);
    // What is optional may be left out.
    const scripted = Object.entries(packages).filter(([, { hasInstallScript }]) => hasInstallScript);
    expect(scripted.filter(([, { optional }]) => !optional).map(([path]) => path)).toEqual([]);
  });

  it('satisfies publint', async () => {
    const { buffer } = new Uint8Array(await readFile(tarball.path));
    const { messages, pkg } = await publint({ pack: { tarball: buffer }, strict: true });

    expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
  });

  it('has types that resolve as its code does', async () => {
    // CommonJS gets these ES modules by require(esm), which all Nodes that `engines` admits have.
    const options = ['--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm', '--no-definitely-typed'];
    const complaint = await run(bin('attw'), [tarball.path, '--no-color', ...options]).then(
      () => '',
      (failure: unknown) => outputOf(failure).stdout,
    );

    expect(complaint).toBe('');
  });

  describe.each(['module', 'commonjs'] as const)('installed in a Nest application of type %s', (type) => {
    it('compiles, and takes a bid and a generic command from its client through their handlers and back', async () => {
      const app = await createApplication(tarball, type, join(root, 'test/fixtures/package'));

      expect(await compile(app)).toEqual([]);
      // Node 20 has a WebSocket behind this flag only; newer ones have it anyway.
      const program = ['--experimental-websocket', 'out/main.js'];
      const { stdout, stderr } = await run('node', program, { cwd: app, timeout: 30_000 }).catch(outputOf);

      expect(stderr).toBe('');
      const bid = { lot: 7, amount: 120 };
      expect(JSON.parse(stdout)).toEqual({ result: bid, event: bid, title: 'Moon Jar' });
    }, 90_000);
  });
});

/** What npm runs at an install of a package from its registry. */
const INSTALL_SCRIPTS = /^(pre|post)?install$/;

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>;
  readonly gypfile?: boolean;
}

interface Lockfile {
  readonly packages: Readonly<Record<string, Locked>>;
}

interface Locked {
  readonly integrity?: string;
  readonly optional?: boolean;
  readonly hasInstallScript?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

function entryFiles(room: string): string[] {
  return [`dist/lib/${room}index.js`, `dist/lib/${room}index.d.ts`];
}

/** What the compiler finds in the application and in this package; other packages' types are their own business. */
async function compile(app: string): Promise<string[]> {
  const { stdout } = await run(bin('tsc'), ['--pretty', 'false', '-p', app], { cwd: app }).catch(outputOf);
  return stdout.split('\n').filter((line) => /^(\w|node_modules\/nestjs-kafka-socket\/).*error TS/.test(line));
}

/** A program that fails tells why on its output too. */
function outputOf(failure: unknown): { stdout: string; stderr: string } {
  return failure as { stdout: string; stderr: string };
}

function partition<T>(items: T[], belongs: (item: T) => boolean): [T[], T[]] {
  return [items.filter(belongs), items.filter((item) => !belongs(item))];
}
