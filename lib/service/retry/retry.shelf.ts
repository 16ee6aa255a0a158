import { Inject, Injectable } from '@nestjs/common';
import { MESSAGE_LOG } from '../../log/log.constants.js';
import type { MessageLog } from '../../log/message.log.js';
import type { Handler } from '../declaration/handler.js';
import type { Arrival } from '../dispatch/arrival.js';
import { PersistentPublisher } from '../publishing/persistent.publisher.js';
import { ServiceOptions } from '../service.options.js';
import type { Attempted } from './attempt.note.js';
import { retryRecord } from './retry.topic.js';

/** Puts records aside, into the topics from which they are read again when they are due. */
@Injectable()
export class RetryShelf {
  constructor(
    private readonly publisher: PersistentPublisher,
    private readonly options: ServiceOptions,
    @Inject(MESSAGE_LOG) private readonly log: MessageLog,
  ) {}

  /**
   * Resolves when the record is in its topic.
   * @param nominal the pause without its random part, in milliseconds
   * @throws what the log will never take
   */
  async put(handler: Handler, { record, signal }: Arrival, made: Attempted, nominal: number): Promise<void> {
    const { name, ...retry } = retryRecord(this.options.name, { record, handler, ...made }, nominal);
    // By what it is, and not by its key: copies of one record meet, and a busy key is spread, since no order is left to keep.
    const partition = await this.log.partitionFor(retry.topic, name);
    await this.publisher.publish({ ...retry, partition }, signal);
  }
}
