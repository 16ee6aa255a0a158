import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './markdown.js';

/** What the conformance suite found. */
export interface Findings {
  /** What it left with. */
  readonly code: number;
  readonly output: string;
  /** Rules that were found broken. */
  readonly broken: readonly string[];
  /** Rules of which something was not looked at. */
  readonly notChecked: readonly string[];
}

/** Runs the command as its users do. */
export async function conformance(...args: string[]): Promise<Findings> {
  const { code = 0, stdout, stderr } = await run(args);
  return {
    code,
    output: `${stdout}\n${stderr}`,
    broken: namesIn(marked(stdout, '✗')),
    // What is behind the colon says why.
    notChecked: namesIn(marked(stdout, '–').replaceAll(/: .*/g, '')),
  };
}

/** The rules that a text names. */
export function namesIn(text: string): string[] {
  return [...new Set([...text.matchAll(/\[([a-z]+\.\d+)\]/g)].map(([, name]) => name!))].sort();
}

interface Ended {
  readonly code?: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(args: readonly string[]): Promise<Ended> {
  const env = { ...process.env, NO_COLOR: '1' };
  try {
    return await promisify(execFile)(process.execPath, [join(ROOT, 'conformance/main.mjs'), ...args], { env });
  } catch (failure) {
    return failure as Ended;
  }
}

function marked(output: string, mark: string): string {
  return output
    .split('\n')
    .filter((line) => line.startsWith(mark))
    .join('\n');
}
