import { Inject, Injectable, Logger } from '@nestjs/common';
import { messageOf } from '../../kafka-socket.error.js';
import { MESSAGE_LOG } from '../../log/log.constants.js';
import type { MessageLog } from '../../log/message.log.js';
import { isAwaited, isRootCommand } from '../../message/outcome.rule.js';
import { progressRecord, wantsProgress } from '../../message/progress.js';
import { SparingLog } from '../../timeout/sparing.log.js';
import type { Handler } from '../declaration/handler.js';
import type { Arrival } from '../dispatch/arrival.js';
import { ServiceOptions } from '../service.options.js';

/** Tells a client that asked for it how far its request is. */
@Injectable()
export class ProgressWriter {
  private readonly logger = new SparingLog(new Logger('KafkaSocketService'));

  constructor(
    @Inject(MESSAGE_LOG) private readonly log: MessageLog,
    private readonly options: ServiceOptions,
  ) {}

  /**
   * Resolves when it is in the log, before anything that comes of the next attempt. Tried once: it is news, and old soon.
   * @param next milliseconds until the next attempt begins
   */
  async write({ name }: Handler, { envelope }: Arrival, attempts: number, next: number): Promise<void> {
    const { breadCrumbs } = envelope;
    if (envelope.type.kind !== 'command' || !isRootCommand(envelope) || !isAwaited(breadCrumbs)) return;
    if (!wantsProgress(breadCrumbs)) return;
    const progress = { attempt: breadCrumbs.attempt, attempts, next: Math.max(0, Math.ceil(next)) };
    try {
      await this.log.publish(progressRecord(envelope, `/${this.options.name}`, name, progress));
    } catch (error) {
      this.logger.warn(`The progress of ${name} is not told: ${messageOf(error)}`);
    }
  }
}
