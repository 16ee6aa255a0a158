/** When a step ends, that others have their turn: milliseconds, and bytes, of which a socket takes about as many without haste. */
const TIME = 1;
const BYTES = 256 * 1024;
/** Records after which the clock is looked at: most take far less time than the look. */
const LOOK_EVERY = 8;

/** What one client takes of missed records in one turn. */
export class Step {
  private readonly end = performance.now() + TIME;
  private bytes = 0;
  private records = 0;

  /** Notes a record, and the bytes that were sent of it. Says whether it was the last of this step. */
  ends(bytes: number): boolean {
    this.bytes += bytes;
    return this.bytes >= BYTES || (++this.records % LOOK_EVERY === 0 && performance.now() >= this.end);
  }
}
