import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { KafkaSocketError, messageOf } from '../../kafka-socket.error.js';
import { MESSAGE_LOG } from '../../log/log.constants.js';
import type { MessageLog } from '../../log/message.log.js';
import type { LogPosition, OutgoingRecord } from '../../message/record.js';
import type { HeldRecord } from './held.record.js';
import { abortedFor } from '../handling/handling.js';
import { SparingLog } from '../../timeout/sparing.log.js';
import { TIMEOUT_SCHEDULER } from '../../timeout/timeout.constants.js';
import type { TimeoutScheduler } from '../../timeout/timeout.scheduler.js';
import type { WaitingRecord } from '../../timeout/waiting.js';
import { sending, sendingHeld } from '../../tracing/send.span.js';

/** First and longest pause between two tries, in milliseconds. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5_000;

/**
 * How long what came of a record is tried on after its partition was lost, in milliseconds. Where brokers were away for a
 * moment it comes back within that time, and what ended here must not run here again.
 */
const AFTER_LOSS = 10_000;

/** Publishes until it worked: a handled record may only be committed once all that came of it is in the log. */
@Injectable()
export class PersistentPublisher {
  private readonly logger = new SparingLog(new Logger('KafkaSocketService'));

  constructor(
    @Inject(MESSAGE_LOG) private readonly log: MessageLog,
    @Inject(TIMEOUT_SCHEDULER) private readonly scheduler: TimeoutScheduler,
  ) {}

  /**
   * Tries at least once, and then again for as long as the signal is not aborted and another try may work; a while longer
   * where it aborts because a partition was lost.
   * @param signal left out: one try
   * @throws at once what no other try would mend: a record that is refused, a topic that is missing, a fault of ours
   * @throws what the last try threw, once the signal is aborted
   */
  publish(record: OutgoingRecord, signal?: AbortSignal): Promise<LogPosition> {
    return sending(record, (traced) => this.write(traced, signal));
  }

  /** As {@link publish}, for what was made before; where the record has a delay, the scheduler gets it. */
  async publishOrSchedule({ delay, ...record }: HeldRecord, signal?: AbortSignal): Promise<void> {
    if (!delay) return void (await sendingHeld(record, (traced) => this.write(traced, signal)));
    // What is held was made to wait, and is text.
    const schedule = () => this.scheduler.schedule({ ...delay, record: record as WaitingRecord }, delay);
    await this.persist(schedule, `A command for ${record.topic} is not scheduled yet and is tried again`, signal);
  }

  private write(record: OutgoingRecord, signal?: AbortSignal): Promise<LogPosition> {
    const publish = () => this.log.publish(record);
    return this.persist(publish, `A record for ${record.topic} is not in the log yet and is sent again`, signal);
  }

  private async persist<T>(put: () => Promise<T>, trouble: string, signal?: AbortSignal): Promise<T> {
    let giveUpAt: number | undefined;
    for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      try {
        return await put();
      } catch (error) {
        if (!isTemporary(error) || !signal) throw error;
        if (signal.aborted) giveUpAt ??= performance.now() + (isLost(signal) ? AFTER_LOSS : 0);
        if (giveUpAt !== undefined && performance.now() >= giveUpAt) throw error;
        this.logger.warn(`${trouble}: ${messageOf(error)}`);
        // Spread, because what could not be published at once would else come back at once.
        await pauseFor(pause * (0.5 + Math.random() / 2), signal);
        if (signal.aborted && !isLost(signal)) throw error;
      }
    }
  }
}

function isLost({ reason }: AbortSignal): boolean {
  return abortedFor(reason, 'partition_lost');
}

/** Ends early when the signal aborts; once it has, it no longer keeps the process. */
async function pauseFor(milliseconds: number, signal: AbortSignal): Promise<void> {
  const options = signal.aborted ? { ref: false } : { signal };
  await sleep(milliseconds, undefined, options).catch(() => undefined);
}

/** Only errors that say so: one that would come back for ever would hold its key, and then its partition, for ever. */
function isTemporary(error: unknown): boolean {
  return error instanceof KafkaSocketError && error.temporary;
}
