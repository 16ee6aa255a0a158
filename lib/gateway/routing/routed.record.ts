import { decodeBreadCrumbs } from '../../message/bread-crumbs.codec.js';
import type { BreadCrumbs } from '../../message/bread-crumbs.js';
import { headerText } from '../../message/record.headers.js';
import type { LogRecord } from '../../message/record.js';
import { broadcastChannel } from '../../protocol/channels.js';
import type { At, BroadcastFrame } from '../../protocol/frames.js';
import type { BroadcastContent, Intent } from '../gateway.options.js';
import { ownCopy } from '../own.copy.js';
import type { FrameSlab } from '../socket/frame.slab.js';
import { wireFrame } from '../socket/wire.frame.js';

/** What every routed record knows: where it stands, and what it weighs in memory. */
interface Routed {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** Bytes that it keeps alive, roughly. */
  readonly bytes: number;
}

/** Whose request a result ends: what of its bread crumbs is needed for that. */
export interface RequestOwner {
  readonly sessionId: string;
  readonly publicKey: string;
  readonly requestId: string;
  /** The verified claims of who asked, as JSON. */
  readonly user?: string;
}

/** The first terminal record of a request: its one outcome. */
export interface RoutedResult extends Routed {
  readonly kind: 'result';
  /** The request that it ends, see `requestIdentity`. */
  readonly identity: string;
  readonly owner: RequestOwner;
  /** The outcome's JSON, as somebody wrote it. */
  readonly value: Buffer;
  /** The span that wrote it, where that is traced. */
  readonly traceparent?: string;
}

/** An event that leaves the house. */
export interface RoutedEvent extends Routed {
  readonly kind: 'event';
  /** Entity and event type, such as `Bid.Created`. */
  readonly type: string;
  readonly key: string | undefined;
  /** What a client does that reads it. */
  readonly intent: Intent & { readonly action: 'event' };
  /**
   * The frame as it goes over the wire, made when the first client needs it, and the same for all: none may change it. Of what is
   * live it has memory of its own, since it may wait for one of them for long.
   */
  readonly frame: Buffer;
  /** Whether the frame lies beside those of its neighbours. */
  readonly isLaidOut: boolean;
  /** The frame for who catches up: it lies beside those of its neighbours from then on. */
  layOut(): Buffer;
}

/** A record that some client may want. */
export type RoutedRecord = RoutedResult | RoutedEvent;

/** What an entry of the ring weighs beside its bytes: objects, strings, the slot. Measured, rounded up. */
const ENTRY_BYTES = 700;

/** Anyone may write a header, and the ring keeps it. */
const TRACEPARENT_LENGTH = 55;

/** The place of a record, as frames name it. */
export function atOf({ topic, partition, offset }: Pick<Routed, 'topic' | 'partition' | 'offset'>): At {
  return [topic, partition, String(offset)];
}

export function routedResult(record: LogRecord, crumbs: BreadCrumbs, identity: string): RoutedResult {
  const { topic, partition, offset } = record;
  // A copy: the bytes of a fetched record are a window on the whole fetch response, which would be kept alive with them.
  const value = ownCopy(record.value ?? 'null');
  const { sessionId, publicKey, requestId, user } = crumbs;
  const owner = {
    sessionId: copyOf(sessionId!),
    publicKey: copyOf(publicKey!),
    requestId: copyOf(requestId!),
    ...(user !== undefined && { user: copyOf(user) }),
  };
  const traceparent = headerText(record.headers['traceparent'])?.slice(0, TRACEPARENT_LENGTH);
  const bytes = value.length + (user?.length ?? 0) + (traceparent?.length ?? 0) + ENTRY_BYTES;
  const traced = traceparent !== undefined && { traceparent };
  return { kind: 'result', topic, partition, offset, identity, owner, value, bytes, ...traced };
}

/** A crumb may be a window on the text of all crumbs, which would be kept alive with it. */
function copyOf(crumb: string): string {
  return Buffer.from(crumb).toString();
}

/** @param slab where its frame will lie, beside those of its neighbours, once somebody catches up */
export function routedEvent(record: LogRecord, type: string, content: BroadcastContent, slab: FrameSlab): RoutedEvent {
  return new LazyEvent(record, type, content, slab);
}

class LazyEvent implements RoutedEvent {
  readonly kind = 'event';
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly bytes: number;
  readonly key: string | undefined;
  private readonly time: number;
  private id: string;
  private crumbs: string;
  private value: Buffer | undefined;
  private wire: Buffer | undefined;
  isLaidOut = false;
  private asked: RoutedEvent['intent'] | undefined;

  constructor(
    record: LogRecord,
    readonly type: string,
    content: BroadcastContent,
    private readonly slab: FrameSlab,
  ) {
    this.topic = record.topic;
    this.partition = record.partition;
    this.offset = record.offset;
    this.time = record.timestamp;
    this.id = headerText(record.headers['ce_id']) ?? '';
    this.key = record.key?.toString();
    this.crumbs = headerText(record.headers['ce_breadcrumbs']) ?? '';
    // Copied, as in routedResult.
    this.value = content === 'data' ? ownCopy(record.value ?? 'null') : undefined;
    this.bytes =
      (this.value?.length ?? 0) + this.crumbs.length + this.id.length + (this.key?.length ?? 0) + ENTRY_BYTES;
  }

  get frame(): Buffer {
    return (this.wire ??= wireFrame(this.write()));
  }

  layOut(): Buffer {
    if (!this.isLaidOut) this.wire = this.wire ? this.slab.copyOf(this.wire) : this.slab.frameOf(this.write());
    this.isLaidOut = true;
    return this.frame;
  }

  get intent(): RoutedEvent['intent'] {
    const { topic, type, key } = this;
    return (this.asked ??= { action: 'event', topic, type, ...(key !== undefined && { key }) });
  }

  private write(): string {
    const { requestId, sessionId } = this.readCrumbs();
    const head: BroadcastFrame = {
      at: atOf(this),
      id: this.id,
      type: this.type,
      time: isoTime(this.time),
      ...(requestId !== undefined && { requestId }),
      // Who knows a session's id could name it as his own; a key that is one stays inside.
      ...(this.key !== undefined && this.key !== sessionId && { key: this.key }),
    };
    const data = JSON.stringify(head);
    // The record's value is JSON already: it is put in as it is, without a trip through an object.
    const full = this.value === undefined ? data : `${data.slice(0, -1)},"data":${jsonText(this.value)}}`;
    // The frame holds it now.
    this.value = undefined;
    this.crumbs = this.id = '';
    return `{"event":${JSON.stringify(broadcastChannel(this.topic))},"data":${full}}`;
  }

  private readCrumbs(): Partial<BreadCrumbs> {
    try {
      return decodeBreadCrumbs(this.crumbs, this.id);
    } catch {
      return {}; // a foreign event with crumbs of its own making is still an event
    }
  }
}

/** A record's time may be any 64-bit number; dates end at ±8.64e15 ms (ECMA-262, section 21.4.1.1). */
function isoTime(milliseconds: number): string {
  return new Date(Math.min(Math.max(milliseconds, -8.64e15), 8.64e15)).toISOString();
}

/** A value that is put into frames unread must be JSON, or the frame would break at every client. */
function jsonText(value: Buffer): string {
  const text = value.toString();
  try {
    JSON.parse(text);
    return text;
  } catch {
    return 'null';
  }
}
