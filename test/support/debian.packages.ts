import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The programs that the tests need beside Node, and the Debian packages that hold them. */
const packageOf = { 'redis-server': 'redis-server', chromium: 'chromium', java: 'default-jre-headless', mvn: 'maven' };

export type Program = keyof typeof packageOf;

/** Whether the shell would find it. */
export async function isInstalled(program: string): Promise<boolean> {
  return run('sh', ['-c', `command -v "$1"`, 'sh', program]).then(
    () => true,
    () => false,
  );
}

/** Installs, in one go, what is missing of these; throws with what to do where it may not or cannot. */
export async function install(programs: Program[]): Promise<void> {
  const found = await Promise.all(programs.map(isInstalled));
  const packages = programs.filter((_, index) => !found[index]).map((program) => packageOf[program]);
  if (packages.length === 0) return;
  const byHand = `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  if (process.getuid?.() !== 0 || !(await isInstalled('apt-get'))) {
    throw new Error(`The tests need ${packages.join(', ')}. Install them, on Debian as root by: ${byHand}`);
  }
  console.log(`Installing ${packages.join(', ')} …`);
  await run('sh', ['-c', byHand], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    maxBuffer: 64 * 1024 * 1024,
  });
}
