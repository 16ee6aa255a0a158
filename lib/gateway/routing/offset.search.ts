import type { RoutedRecord } from './routed.record.js';

/**
 * Index of the first record at an offset or above it.
 * @param from where records begin; slots before it may be empty
 */
export function firstAt(records: readonly (RoutedRecord | undefined)[], offset: bigint, from = 0): number {
  let low = from;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (records[middle]!.offset < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
