import type { MessageLog } from '../../lib/log/message.log.js';
import type { RecordBatch } from '../../lib/message/record.js';
import type { Random } from './random.js';

/** Marks a record that no reader is shown, as those of aborted transactions are not. */
export const HIDDEN = 'x_hidden';

/** Makes a log hand out its records in batches of any size, at any time, and pass by those that are hidden. */
export function makeOdd(log: MessageLog, random: Random): void {
  const read = log.read.bind(log);
  const tail = log.tail.bind(log);
  log.read = async function* (...range) {
    for await (const batch of read(...range)) {
      for (const piece of pieces(batch, random)) {
        await turns(random.upTo(3));
        yield piece;
      }
    }
  };
  log.tail = (options) =>
    tail({
      ...options,
      onBatch: async (batch) => {
        for (const piece of pieces(batch, random)) {
          if (random.chance(0.3)) await turns(random.upTo(20));
          await options.onBatch(piece);
        }
      },
    });
}

/** Waits some turns of the event loop. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(setImmediate);
}

function* pieces({ records, next, ...place }: RecordBatch, random: Random): Iterable<RecordBatch> {
  const most = random.pick([1, 5, 50, 1_000]);
  for (let from = 0; from < records.length;) {
    const to = Math.min(records.length, from + 1 + random.upTo(most));
    const shown = records.slice(from, to).filter(({ headers }) => headers[HIDDEN] === undefined);
    yield { ...place, records: shown, next: records[to]?.offset ?? next };
    from = to;
  }
  if (records.length === 0) yield { ...place, records, next };
}
