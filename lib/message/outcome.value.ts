import type { Outcome } from '../protocol/outcome.js';
import { decodePayload } from './cloud-events.codec.js';
import { messageTypeOf } from './message.type.js';
import type { LogRecord } from './record.js';

/** A terminal record ends its request whatever stands in it, so every reader takes one that it cannot read for this. */
export const MALFORMED_OUTCOME: Outcome = {
  status: 'failed',
  code: 'RESULT_MALFORMED',
  message: 'The service wrote a result that nobody can read.',
};

/** The outcome that a terminal record holds. */
export function outcomeIn({ headers, value }: Pick<LogRecord, 'headers' | 'value'>): Outcome {
  try {
    return decodePayload(messageTypeOf(headers)!, value).data as Outcome;
  } catch {
    return MALFORMED_OUTCOME;
  }
}
