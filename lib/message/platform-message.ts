import type { BreadCrumbs } from './bread-crumbs.js';
import type { Command } from './command.js';
import type { CommandResult } from './command.result.js';
import type { Event } from './event.js';

/** What a message is about. */
export type Payload = Command | CommandResult | Event;

/** One message as it travels over Kafka, whatever it carries. */
export interface PlatformMessage<P extends Payload = Payload> {
  /** UUIDv7; `ce_id`. */
  readonly id: string;
  /** Who wrote it: `/<service>` or `/gateway`; `ce_source`. */
  readonly source: string;
  readonly breadCrumbs: BreadCrumbs;
  readonly payload: P;
  /** W3C trace context, while a trace is active. */
  readonly traceparent?: string;
}
