import { Logger } from '@nestjs/common';
import { messageOf } from '../kafka-socket.error.js';
import { SparingLog } from '../timeout/sparing.log.js';
import type { Claims } from '../message/claims.js';
import type { Authorize, Intent } from './gateway.options.js';

/** Asks the application who may do what. Whatever its hook throws means no. */
export class AccessRules {
  private readonly log = new SparingLog(new Logger(AccessRules.name));

  constructor(private readonly authorize: Authorize | undefined) {}

  /** Whether a client may send a command or listen to a channel. */
  async may(intent: Intent, claims: Claims | undefined): Promise<boolean> {
    try {
      return this.authorize === undefined || (await this.authorize(intent, claims)) === true;
    } catch (error) {
      return this.refuse(intent, error);
    }
  }

  /** Whether a client may read an event. Asked for each event and client, so the hook must answer at once. */
  mayRead(intent: Intent & { action: 'event' }, claims: Claims | undefined): boolean {
    try {
      const answer = this.authorize === undefined || this.authorize(intent, claims);
      if (answer instanceof Promise) this.refuseLate(intent, answer);
      return answer === true;
    } catch (error) {
      return this.refuse(intent, error);
    }
  }

  /** Nobody waits for the answer about an event, so nobody but this would hear of its failure, which ends a process. */
  private refuseLate(intent: Intent, answer: Promise<boolean>): void {
    answer.catch(() => undefined);
    this.refuse(intent, new Error('it returned a promise, and whether an event may be read must be answered at once'));
  }

  private refuse(intent: Intent, error: unknown): false {
    this.log.warn(
      `gateway.authorize failed for the ${intent.action} on topic "${intent.topic}", so it was refused: ${messageOf(error)}`,
    );
    return false;
  }
}
