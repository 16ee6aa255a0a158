import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { messageOf } from '../../kafka-socket.error.js';
import { abortable } from '../../log/abortable.js';
import { MissingTopicsError } from '../../log/log.errors.js';
import type { MessageLog } from '../../log/message.log.js';
import type { MessageEnvelope } from '../../message/cloud-events.codec.js';
import type { ReplyAddress } from '../../message/bread-crumbs.js';
import { endedRequest } from '../../message/outcome.rule.js';
import { SparingLog } from '../../timeout/sparing.log.js';
import { commandIdentity, type Ending, isTimeout, type RedeliveryLimits } from '../dispatch/redelivery.guard.js';
import { SKEW } from '../terminal.records.js';

/** Pause before a log that could not tell is asked again, in milliseconds. */
const PAUSE = 1_000;

/** One look at a partition, for all who want to know of a request that is answered there. */
interface Reading {
  readonly wanted: Set<string>;
  /** The earliest that one of them may be answered at, in milliseconds since the epoch. */
  since: number;
  readonly found: Promise<ReadonlyMap<string, Ending>>;
}

/**
 * Finds out whether commands that wait in a retry topic are answered already: whoever made the last attempt may have ended between its
 * answer and its commit. The answers stand in another partition, which another instance may own, so its guard does not know them.
 */
export class AnsweredRequests {
  private readonly logger = new SparingLog(new Logger('KafkaSocketService'));
  /** The next look at each partition; all who ask before it begins share it. */
  private readonly readings = new Map<string, Reading>();

  constructor(
    private readonly log: MessageLog,
    private readonly limits: Pick<RedeliveryLimits, 'window'>,
    private readonly now: () => number,
  ) {}

  /**
   * How the log says that a request ended, looking back by the window at most. Undefined also of what is no client's command, and where
   * the signal aborts; never rejects.
   * @param since when the command was put aside, in milliseconds since the epoch: what answers it came later
   */
  async endingOf(envelope: MessageEnvelope, since: number, signal: AbortSignal): Promise<Ending | undefined> {
    const identity = commandIdentity(envelope);
    const { reply } = envelope.breadCrumbs;
    if (identity === undefined || !reply) return undefined;
    while (!signal.aborted) {
      try {
        const found = await abortable([signal], () => this.look(reply, identity, since));
        return found.get(identity);
      } catch (error) {
        if (signal.aborted || error instanceof MissingTopicsError) break; // nobody can be answered there
        this.logger.warn(
          `Whether a command was answered before its next attempt is not known yet: ${messageOf(error)}`,
        );
      }
      await sleep(PAUSE, undefined, { signal }).catch(() => undefined);
    }
    return undefined;
  }

  private look(reply: ReplyAddress, identity: string, since: number): Promise<ReadonlyMap<string, Ending>> {
    const place = `${reply.topic}/${reply.partition}`;
    const reading = this.readings.get(place) ?? this.plan(place, reply);
    reading.wanted.add(identity);
    reading.since = Math.min(reading.since, since);
    return reading.found;
  }

  private plan(place: string, reply: ReplyAddress): Reading {
    const reading: Reading = {
      wanted: new Set(),
      since: Infinity,
      // After the running code: all of a batch ask in one turn.
      found: Promise.resolve().then(() => {
        this.readings.delete(place);
        return this.read(reply, reading);
      }),
    };
    this.readings.set(place, reading);
    return reading;
  }

  private async read({ topic, partition }: ReplyAddress, { wanted, since }: Reading): Promise<Map<string, Ending>> {
    const earliest = Math.max(since - SKEW, this.now() - this.limits.window);
    const [starts, [held]] = await Promise.all([
      this.log.offsetsAt(topic, earliest, [partition]),
      this.log.offsets(topic, [partition]),
    ]);
    const to = held?.end ?? 0n;
    const from = starts.get(partition) ?? to;
    const found = new Map<string, Ending>();
    if (from >= to) return found;
    for await (const { records } of this.log.read({ topic, partition, from, to })) {
      for (const record of records) {
        const identity = endedRequest(record.headers);
        if (identity === undefined || !wanted.has(identity)) continue;
        if (!isTimeout(record)) found.set(identity, 'answered');
        else if (!found.has(identity)) found.set(identity, 'timeout');
      }
    }
    return found;
  }
}
