import { Injectable, Logger } from '@nestjs/common';
import { messageOf } from '../../kafka-socket.error.js';
import type { Arrival } from '../dispatch/arrival.js';
import type { Handler } from '../declaration/handler.js';
import type { HeldRecord } from './held.record.js';
import { PersistentPublisher } from './persistent.publisher.js';

/** Writes what follows from the messages that were handled. */
@Injectable()
export class EventWriter {
  private readonly logger = new Logger('KafkaSocketService');

  constructor(private readonly publisher: PersistentPublisher) {}

  /**
   * Resolves when all are in the log, or scheduled, those of one key in their order.
   * @returns why the log will never take some of them
   */
  async write(handler: Handler, arrival: Arrival, events: readonly HeldRecord[]): Promise<readonly unknown[]> {
    const refused: unknown[] = [];
    const lanes = new Map<string, Promise<void>>();
    for (const event of events) {
      const lane = `${event.topic}/${String(event.key)}`;
      const before = lanes.get(lane);
      const write = (): Promise<void> => this.writeOne(handler, arrival, event, refused);
      lanes.set(lane, before ? before.then(write) : write());
    }
    await Promise.all(lanes.values());
    return refused;
  }

  private async writeOne(
    { label }: Handler,
    { signal }: Arrival,
    event: HeldRecord,
    refused: unknown[],
  ): Promise<void> {
    try {
      await this.publisher.publishOrSchedule(event, signal);
    } catch (error) {
      signal.throwIfAborted();
      this.logger.error(`A message that follows from ${label} is not published: ${messageOf(error)}`);
      refused.push(error);
    }
  }
}
