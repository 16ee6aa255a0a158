import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { TemporaryDirectory } from './temporary.directory.js';

const run = promisify(execFile);

/** Where this repository is. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

interface Manifest {
  name: string;
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
}

/** The tarball that would be published. */
export interface Tarball {
  path: string;
  /** Paths of its files within the package. */
  files: string[];
}

/** Packs what was built; `directory` is where the tarball goes. */
export async function pack(directory: string): Promise<Tarball> {
  // Without the scripts: `prepack` would build again, under the feet of suites that run from dist.
  const options = ['--ignore-scripts', '--json', '--pack-destination', directory];
  const { stdout } = await run('npm', ['pack', ...options], { cwd: root });
  const [packed] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
  return { path: join(directory, packed.filename), files: packed.files.map((file) => file.path) };
}

/**
 * An application in an empty directory that has installed the tarball, its peers, and what every Nest application has. The
 * registry is not asked: the package is unpacked, and all else is linked from here, so that what the package
 * needs but does not declare is missing.
 */
export async function createApplication(tarball: Tarball, type: 'module' | 'commonjs', source: string) {
  const { path: directory, remove } = new TemporaryDirectory('app');
  onTestFinished(remove);
  await cp(source, directory, { recursive: true });
  await writeFile(join(directory, 'package.json'), JSON.stringify({ name: 'app', private: true, type }));

  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
  const installed = join(directory, 'node_modules', manifest.name);
  await mkdir(installed, { recursive: true });
  await run('tar', ['-xzf', tarball.path, '-C', installed, '--strip-components=1']);
  const ofNest = ['@nestjs/platform-express', '@types/node'];
  const names = [...Object.keys(manifest.dependencies), ...Object.keys(manifest.peerDependencies), ...ofNest];
  await Promise.all(names.map((name) => link(name, directory)));
  return directory;
}

async function link(name: string, directory: string): Promise<void> {
  const place = join(directory, 'node_modules', name);
  await mkdir(dirname(place), { recursive: true });
  await symlink(join(root, 'node_modules', name), place);
}
