import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** An empty directory that is gone when it is removed, or else when this process ends. */
export class TemporaryDirectory {
  readonly path: string;

  /** @param purpose part of its name */
  constructor(purpose: string) {
    this.path = mkdtempSync(join(tmpdir(), `kafka-socket-${purpose}-`));
    process.once('exit', this.remove);
  }

  /** Safe to call twice. */
  readonly remove = (): void => {
    process.off('exit', this.remove);
    rmSync(this.path, { recursive: true, force: true, maxRetries: 3 });
  };
}
