import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { install } from './debian.packages.js';

const run = promisify(execFile);

/** What Chromium needs to run in a container, as root, and to talk to nobody but the page under test. */
export const chromiumArguments = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Where Chromium is: `CHROMIUM_PATH`, else Debian's, which is installed if it is missing. */
export async function findChromium(): Promise<string> {
  if (process.env.CHROMIUM_PATH) return process.env.CHROMIUM_PATH;
  await install('chromium');
  const { stdout } = await run('sh', ['-c', 'command -v chromium']);
  return stdout.trim();
}

/** What it says about itself, such as `Chromium 139.0.7258.154`. */
export async function chromiumVersion(path: string): Promise<string> {
  const { stdout } = await run(path, ['--version']);
  return stdout.trim().split(' ').slice(0, 2).join(' ');
}
