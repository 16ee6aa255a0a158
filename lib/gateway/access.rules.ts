import { Logger } from '@nestjs/common';
import { messageOf } from '../kafka-socket.error.js';
import type { Authorize, Claims, Intent } from './gateway.options.js';

/** Asks the application who may do what. Whatever its hook throws means no. */
export class AccessRules {
  private readonly logger = new Logger(AccessRules.name);

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
      return this.authorize === undefined || this.authorize(intent, claims) === true;
    } catch (error) {
      return this.refuse(intent, error);
    }
  }

  private refuse(intent: Intent, error: unknown): false {
    this.logger.warn(
      `gateway.authorize threw for ${intent.action} on topic "${intent.topic}", so it was refused: ${messageOf(error)}`,
    );
    return false;
  }
}
