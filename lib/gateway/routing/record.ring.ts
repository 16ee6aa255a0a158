import { firstAt } from './offset.search.js';
import type { RoutedRecord } from './routed.record.js';

/** Bytes that it may hold above its limit while somebody catches up, so that what is routed meanwhile does not run away from him. */
const HOLD_BYTES = 4 * 1024 * 1024;

interface Stretch {
  /** Where routing began. */
  readonly opened: bigint;
  /** All routed records from this offset on are here. */
  floor: bigint;
  records: (RoutedRecord | undefined)[];
  /** Index of the first record that is still there: shifting an array is linear. */
  head: number;
}

/**
 * The newest routed records of every partition, in memory, so that clients that were away a short while are served without
 * reading the log. Bounded in bytes; the record that was added first goes first.
 */
export class RecordRing {
  private readonly stretches = new Map<string, Stretch>();
  /** Whose record is the oldest, next oldest, … one entry a record. */
  private order: Stretch[] = [];
  private orderHead = 0;
  private bytes = 0;
  private holds = 0;

  constructor(private readonly limit: number) {}

  /** Opens a partition, or goes on behind a gap in it; what lies before `floor` is not here. */
  open(topic: string, partition: number, floor: bigint): void {
    const opened = this.opened(topic, partition) ?? floor;
    this.stretches.set(`${topic}/${partition}`, { opened, floor, records: [], head: 0 });
  }

  /** The offset from which on the ring holds all that was routed; undefined for a partition that was never opened. */
  floor(topic: string, partition: number): bigint | undefined {
    return this.stretches.get(`${topic}/${partition}`)?.floor;
  }

  /** The offset at which routing of a partition began; undefined for one that was never opened. */
  opened(topic: string, partition: number): bigint | undefined {
    return this.stretches.get(`${topic}/${partition}`)?.opened;
  }

  /** Keeps what is routed from now on, within reason, until it is disposed of. */
  hold(): Disposable {
    this.holds++;
    let held = true;
    const release = (): void => {
      if (!held) return;
      held = false;
      this.holds--;
      this.evict();
    };
    return { [Symbol.dispose]: release };
  }

  add(record: RoutedRecord): void {
    const stretch = this.stretches.get(`${record.topic}/${record.partition}`);
    if (!stretch) return;
    stretch.records.push(record);
    this.order.push(stretch);
    this.bytes += record.bytes;
    this.evict();
  }

  /** At most `count` records from an offset on, in offset order. */
  from(topic: string, partition: number, offset: bigint, count: number): readonly RoutedRecord[] {
    const stretch = this.stretches.get(`${topic}/${partition}`);
    if (!stretch) return [];
    const first = firstAt(stretch.records, offset, stretch.head);
    return stretch.records.slice(first, first + count) as RoutedRecord[]; // emptied slots lie before the head
  }

  /** The routed record at an offset, if it is here. */
  at(topic: string, partition: number, offset: bigint): RoutedRecord | undefined {
    const [record] = this.from(topic, partition, offset, 1);
    return record?.offset === offset ? record : undefined;
  }

  private evict(): void {
    const limit = this.limit + (this.holds > 0 ? HOLD_BYTES : 0);
    while (this.bytes > limit && this.orderHead < this.order.length) this.dropOldest();
  }

  private dropOldest(): void {
    const stretch = this.order[this.orderHead++]!;
    const record = stretch.records[stretch.head]!;
    stretch.records[stretch.head++] = undefined;
    stretch.floor = record.offset + 1n;
    this.bytes -= record.bytes;
    if (stretch.head > 1_024 && stretch.head * 2 > stretch.records.length) {
      stretch.records = stretch.records.slice(stretch.head);
      stretch.head = 0;
    }
    if (this.orderHead > 1_024 && this.orderHead * 2 > this.order.length) {
      this.order = this.order.slice(this.orderHead);
      this.orderHead = 0;
    }
  }
}
