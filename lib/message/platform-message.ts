import type { BreadCrumbs } from './bread-crumbs.js';
import type { Command } from './command.js';
import type { CommandResult } from './command.result.js';
import type { Event } from './event.js';
import type { TraceHeaders } from './trace.headers.js';

/** What a message is about. */
export type Payload = Command | CommandResult | Event;

/** One message as it travels over Kafka, whatever it carries; its trace, while one is active. */
export interface PlatformMessage<P extends Payload = Payload> extends TraceHeaders {
  /** UUIDv7; `ce_id`. */
  readonly id: string;
  /** Who wrote it: `/<service>` or `/gateway`; `ce_source`. */
  readonly source: string;
  readonly breadCrumbs: BreadCrumbs;
  readonly payload: P;
}
