import type { Logger } from '@nestjs/common';

/** Remembers which parts of a log are in trouble, and says each trouble, and its end, once. */
export class LogTroubles {
  private readonly open = new Map<string, string>();

  constructor(private readonly logger: Logger) {}

  /** The trouble that began first; undefined while there is none. */
  get first(): string | undefined {
    return this.open.values().next().value;
  }

  /** @param part who is in trouble, such as `publishing` */
  report(part: string, what: string): void {
    if (this.open.get(part) === what) return;
    this.open.set(part, what);
    this.logger.warn(what);
  }

  clear(part: string): void {
    if (this.open.delete(part)) this.logger.log(`All is well again: ${part}`);
  }

  /** Nobody cares any more, so it is no news either. */
  forget(part: string): void {
    this.open.delete(part);
  }
}
