import { Inject, Injectable } from '@nestjs/common';
import { abortable } from '../log/abortable.js';
import { LogUnavailableError } from '../log/log.errors.js';
import { MESSAGE_LOG } from '../log/log.constants.js';
import type { MessageLog } from '../log/message.log.js';
import type { BreadCrumbs } from '../message/bread-crumbs.js';
import { outcomeIn } from '../message/outcome.value.js';
import type { LogRecord } from '../message/record.js';
import { requestIdentity } from '../message/request.identity.js';
import type { Outcome } from '../protocol/outcome.js';
import { OutcomeImpossibleError } from './service.errors.js';
import { terminalRecords } from './terminal.records.js';

/** Which request: the bread crumbs of any message that belongs to it. */
export type AskedRequest = Pick<BreadCrumbs, 'requestId' | 'sessionId' | 'publicKey' | 'correlationId' | 'reply'>;

/** How long an outcome is waited for. */
export interface OutcomeOptions {
  /** Ends the waiting, such as `context.signal` or `AbortSignal.timeout(5_000)`. */
  readonly signal: AbortSignal;
}

/** No offset is above it: reading ends by what is found, or by the signal. */
const FOREVER = 2n ** 63n - 1n;

/**
 * Reads how a request ended off the log, by the rule of gateways and clients: its first terminal record is the outcome, and all
 * later ones count for nothing.
 */
@Injectable()
export class OutcomeReader {
  constructor(@Inject(MESSAGE_LOG) private readonly log: MessageLog) {}

  /**
   * The outcome of a request, now or as soon as it is there. The partition of its answers is read from when the request was made,
   * so asking soon after costs little; while it waits, the log is asked about twice a second. What retention has taken is waited
   * for in vain: let the signal end it.
   * @param request such as `context.message.breadCrumbs`
   * @throws {OutcomeImpossibleError} `outcome_impossible`: no client waits for one, so there will be none
   * @throws {LogUnavailableError} `log_unavailable`
   * @throws {MissingTopicsError} `topics_missing`
   * @throws the reason of the signal
   */
  async outcomeOf(request: AskedRequest, { signal }: OutcomeOptions): Promise<Outcome> {
    const { reply } = request;
    const identity = requestIdentity(request);
    if (!reply || identity === undefined) throw impossible(request);
    const search = { ...reply, to: FOREVER };
    const found = terminalRecords(this.log, search, request, identity, signal);
    return abortable([signal], () => firstOf(found));
  }
}

async function firstOf(found: AsyncIterable<LogRecord>): Promise<Outcome> {
  for await (const record of found) return outcomeIn(record);
  throw new LogUnavailableError('The log ended before an outcome was found.', false);
}

function impossible({ reply }: AskedRequest): OutcomeImpossibleError {
  const missing = reply
    ? 'session, public key and RequestId are not all in its bread crumbs'
    : 'no bread crumb "reply" says where it would be';
  return new OutcomeImpossibleError(
    `This message belongs to no request that has an outcome: ${missing}. Ask with the bread crumbs of a command that a gateway took, or of what follows from it.`,
  );
}
