import { appendFileSync, closeSync, createReadStream, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Entry, Happening } from './entry.js';

/** Lines are written when so many characters have come together. */
const CHUNK = 65_536;

/** All that clients asked for and were told, on disk, a line each, in the order in which it happened. Only ever grows. */
export class History {
  private readonly file: number;
  private readonly begin = performance.now();
  private lines: string[] = [];
  private length = 0;
  private open = true;

  constructor(readonly path: string) {
    this.file = openSync(path, 'a');
  }

  /** The history's time of a moment that is given in milliseconds since the epoch. */
  timeOf(epoch: number): number {
    return epoch - performance.timeOrigin - this.begin;
  }

  /** What happens after {@link close} is not part of it. */
  note(happening: Happening): void {
    if (!this.open) return;
    const t = Math.round(performance.now() - this.begin);
    const line = `${JSON.stringify({ t, ...happening })}\n`;
    this.lines.push(line);
    this.length += line.length;
    if (this.length >= CHUNK) this.flush();
  }

  /** Safe to call twice. */
  close(): void {
    if (!this.open) return;
    this.flush();
    this.open = false;
    closeSync(this.file);
  }

  private flush(): void {
    appendFileSync(this.file, this.lines.join(''));
    this.lines = [];
    this.length = 0;
  }
}

/** Reads a history back, line by line. */
export async function* readHistory(path: string): AsyncIterable<Entry> {
  for await (const line of createInterface({ input: createReadStream(path) })) yield JSON.parse(line) as Entry;
}
