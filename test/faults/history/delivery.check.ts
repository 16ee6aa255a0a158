import type { Positions } from '../../../lib/protocol/frames.js';
import type { Delivered, Entry, RecoveredEntry } from './entry.js';
import type { Violations } from './violation.js';
import type { WrittenEvent, WrittenLog } from './written.log.js';

interface Listener {
  /** The type that it hears, or `*`. */
  readonly hears: string;
  /** By partition, the offsets that it was told. */
  readonly told: Map<number, number[]>;
  /** Where it began to listen: by partition the last offset that was over then. */
  begun?: Positions;
  /** Whether it has asked for what it missed, and was not told yet how that ended. */
  asks: boolean;
}

/** A partition that did not exist is heard from its start. */
const START = -1;

/**
 * Every event reaches every client that listens once, in the order of its partition, as it stands in the log (G9.1). Nobody may be told
 * that not all can be had (G9.3): in this world nothing takes records away, nobody misses more than is replayed, and the log stays the
 * same one.
 */
export class DeliveryCheck {
  private readonly listeners = new Map<number, Listener>();
  private deliveries = 0;
  private incomplete = 0;
  private reconnects = 0;
  /** By partition and offset. */
  private readonly events = new Map<number, ReadonlyMap<number, WrittenEvent>>();

  constructor(
    private readonly log: WrittenLog,
    private readonly violations: Violations,
  ) {
    for (const [partition, events] of log.events)
      this.events.set(partition, new Map(events.map((event) => [event.offset, event])));
  }

  take(entry: Entry): void {
    if (entry.what === 'phase') return;
    if (entry.what === 'closed') this.reconnects++;
    if (entry.what === 'joined' && entry.hears !== undefined)
      this.listeners.set(entry.client, { hears: entry.hears, told: new Map(), asks: false });
    const listener = this.listeners.get(entry.client);
    if (!listener) return;
    if (entry.what === 'event') this.heard(listener, entry);
    else if (entry.what === 'hello') listener.asks ||= Object.keys(entry.positions).length > 0;
    else if (entry.what === 'welcome') listener.begun ??= entry.positions;
    else if (entry.what === 'recovered') this.recovered(listener, entry);
  }

  end(): void {
    for (const [client, listener] of this.listeners) {
      for (const [partition, events] of this.log.events) this.judge(client, listener, partition, events);
      for (const partition of listener.told.keys()) {
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

  private heard({ told }: Listener, { client, at: [, partition, text], id, type }: Delivered): void {
    this.deliveries++;
    const offset = Number(text);
    const offsets = told.get(partition);
    if (offsets) offsets.push(offset);
    else told.set(partition, [offset]);
    const event = this.events.get(partition)?.get(offset);
    if (!event || (event.id === id && event.type === type)) return;
    this.violations.add(
      'false',
      `client ${client} was told ${type} ${id} of ${partition}@${offset}, where ${event.type} ${event.id} stands`,
    );
  }

  private recovered(listener: Listener, { client, complete, reason, t }: RecoveredEntry): void {
    if (!complete) {
      this.incomplete++;
      this.violations.add('false', `client ${client} was told at ${t} that not all could be had (${reason})`);
    }
    if (!listener.asks)
      this.violations.add('false', `client ${client} was told of what it had missed, and did not ask`);
    listener.asks = false;
  }

  private judge(client: number, listener: Listener, partition: number, events: readonly WrittenEvent[]): void {
    if (!listener.begun) return; // it was never connected
    const told = listener.told.get(partition) ?? [];
    const name = `client ${client}, partition ${partition}`;
    this.checkOrder(name, told);
    const came = new Set(told);
    const begun = offsetIn(listener.begun, partition);
    for (const { offset, type, n } of events) {
      if (offset <= begun || (listener.hears !== '*' && listener.hears !== type)) continue;
      if (!came.delete(offset)) this.violations.add('lost', `${name}: ${type} ${n} at ${offset} never came`);
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

/** There is one topic, if any. */
function offsetIn(positions: Positions, partition: number): number {
  return Number(Object.values(positions)[0]?.[partition] ?? START);
}
