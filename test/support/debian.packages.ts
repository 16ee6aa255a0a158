import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The programs that the tests need beside Node, and the Debian packages that hold them. */
const packageOf = { 'redis-server': 'redis-server', chromium: 'chromium', java: 'default-jre-headless', mvn: 'maven' };

type Program = keyof typeof packageOf;

/** Whether the shell would find it. */
export async function isInstalled(program: string): Promise<boolean> {
  return run('sh', ['-c', `command -v "$1"`, 'sh', program]).then(
    () => true,
    () => false,
  );
}

/** Installs a program if it is missing; throws with what to do where it may not or cannot. */
export async function install(program: Program): Promise<void> {
  if (await isInstalled(program)) return;
  const byHand = `apt-get update && apt-get install -y --no-install-recommends ${packageOf[program]}`;
  if (process.getuid?.() !== 0 || !(await isInstalled('apt-get'))) {
    throw new Error(`The tests need ${program}. Install it, on Debian as root by: ${byHand}`);
  }
  console.log(`Installing ${program} …`);
  // One at a time: apt-get does not wait for another that updates its lists, it fails.
  await run('flock', ['/tmp/nestjs-kafka-socket.apt.lock', 'sh', '-c', byHand], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    maxBuffer: 64 * 1024 * 1024,
  });
}
