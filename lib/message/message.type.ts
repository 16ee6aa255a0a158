import type { RecordHeaders } from './record.js';
import { headerText } from './record.headers.js';

/** What a message is, told by its `ce_type` alone: `command.PlaceBid`, `result.PlaceBid`, `event.Bid.Created`. */
export interface MessageType {
  readonly kind: 'command' | 'result' | 'event';
  /** What follows the kind: `PlaceBid`, `Bid.Created`. */
  readonly name: string;
}

const TYPE = /^(?:(command|result)\.([A-Za-z0-9_-]+)|(event)\.([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+))$/;

/**
 * Reads what a record is from its headers, and nothing else of it: what readers route by.
 * @returns undefined for records that are not ours
 */
export function messageTypeOf(headers: RecordHeaders): MessageType | undefined {
  const text = headerText(headers['ce_type']);
  if (text === undefined || text.length > 512) return undefined;
  const match = TYPE.exec(text);
  if (!match) return undefined;
  const kind = (match[1] ?? match[3]) as MessageType['kind'];
  return { kind, name: (match[2] ?? match[4])! };
}
