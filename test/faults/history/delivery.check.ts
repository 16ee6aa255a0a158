import type { Positions } from '../../../lib/protocol/frames.js';
import type { Delivered, Entry } from './entry.js';
import type { Violations } from './violation.js';
import type { WrittenEvent, WrittenLog } from './written.log.js';

/** A stretch of a partition, without its first offset and with its last. */
type Stretch = readonly [after: number, to: number];

/** What one client was told of one partition, and what it was told that it does not get. */
interface Heard {
  readonly told: number[];
  readonly excused: Stretch[];
}

interface Listener {
  /** The type that it hears, or `*`. */
  readonly hears: string;
  readonly partitions: Map<number, Heard>;
  /** Where it began to listen: by partition the last offset that was over then. */
  begun?: Positions;
  /** Where it stood when it asked for what it missed, until it was told how that ended. */
  asked?: Positions;
  /** Where live delivery began last. */
  live?: Positions;
}

/** A partition that did not exist is heard from its start. */
const START = -1;

/**
 * Every event reaches every client that listens once, in the order of its partition, or the client was told that it does not get
 * all (G9.1, G9.3).
 */
export class DeliveryCheck {
  private readonly listeners = new Map<number, Listener>();
  private deliveries = 0;
  private incomplete = 0;
  private reconnects = 0;

  constructor(
    private readonly log: WrittenLog,
    private readonly violations: Violations,
  ) {}

  take(entry: Entry): void {
    if (entry.what === 'closed') this.reconnects++;
    if (entry.what === 'joined' && entry.hears !== undefined)
      this.listeners.set(entry.client, { hears: entry.hears, partitions: new Map() });
    const listener = this.listeners.get(entry.client);
    if (!listener) return;
    if (entry.what === 'event') this.heard(listener, entry);
    else if (entry.what === 'hello') listener.asked ??= entry.positions;
    else if (entry.what === 'welcome') {
      listener.begun ??= entry.positions;
      listener.live = entry.positions;
    } else if (entry.what === 'recovered') this.recovered(listener, entry.complete);
  }

  end(): void {
    for (const [client, listener] of this.listeners) {
      for (const [partition, events] of this.log.events) this.judge(client, listener, partition, events);
      for (const partition of listener.partitions.keys()) {
        if (!this.log.events.has(partition))
          this.violations.add('false', `client ${client} was told events of partition ${partition}, which has none`);
      }
    }
  }

  get summary() {
    const { deliveries, incomplete, reconnects } = this;
    const events = [...this.log.events.values()].reduce((sum, { length }) => sum + length, 0);
    return { events, deliveries, incomplete, reconnects };
  }

  private heard(listener: Listener, { at: [, partition, offset] }: Delivered): void {
    this.deliveries++;
    partitionOf(listener, partition).told.push(Number(offset));
  }

  private recovered(listener: Listener, complete: boolean): void {
    if (!complete) {
      this.incomplete++;
      for (const partition of Object.keys(positionsIn(listener.live)).map(Number)) {
        const stretch = [offsetIn(listener.asked, partition), offsetIn(listener.live, partition)] as const;
        partitionOf(listener, partition).excused.push(stretch);
      }
    }
    listener.asked = undefined;
  }

  private judge(client: number, listener: Listener, partition: number, events: readonly WrittenEvent[]): void {
    if (!listener.begun) return; // it was never connected
    const { told, excused } = partitionOf(listener, partition);
    const name = `client ${client}, partition ${partition}`;
    this.checkOrder(name, told);
    const came = new Set(told);
    const begun = offsetIn(listener.begun, partition);
    for (const { offset, type, n } of events) {
      if (offset <= begun || (listener.hears !== '*' && listener.hears !== type)) continue;
      if (came.delete(offset) || excused.some(([after, to]) => offset > after && offset <= to)) continue;
      this.violations.add('lost', `${name}: ${type} ${n} at ${offset} never came`);
    }
    for (const offset of came)
      this.violations.add('false', `${name}: what was told of ${offset} is no event that it listens to`);
  }

  private checkOrder(name: string, told: readonly number[]): void {
    const came = new Set<number>();
    let last = START;
    for (const offset of told) {
      if (came.has(offset)) this.violations.add('double', `${name}: ${offset} came twice`);
      else if (offset < last) this.violations.add('disorder', `${name}: ${offset} came after ${last}`);
      came.add(offset);
      last = Math.max(last, offset);
    }
  }
}

function partitionOf({ partitions }: Listener, partition: number): Heard {
  const known = partitions.get(partition);
  if (known) return known;
  const heard: Heard = { told: [], excused: [] };
  partitions.set(partition, heard);
  return heard;
}

/** There is one topic, if any. */
function positionsIn(positions: Positions | undefined): Readonly<Record<string, string>> {
  return Object.values(positions ?? {})[0] ?? {};
}

function offsetIn(positions: Positions | undefined, partition: number): number {
  return Number(positionsIn(positions)[partition] ?? START);
}
