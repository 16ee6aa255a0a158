import { Injectable } from '@nestjs/common';
import { MessageContext } from '../../message/message.context.js';
import type { PlatformMessage } from '../../message/platform-message.js';
import type { Handling } from './handling.js';

/** The handling that the running code belongs to; found by its message, which the context carries already. */
@Injectable()
export class HandlingScope {
  private readonly handlings = new WeakMap<PlatformMessage, Handling>();

  constructor(private readonly messages: MessageContext) {}

  /** The message that is being handled, if any. */
  get message(): PlatformMessage | undefined {
    return this.messages.current;
  }

  get handling(): Handling | undefined {
    const { message } = this;
    return message && this.handlings.get(message);
  }

  /** Runs `work` as a part of `handling`. */
  run<T>(handling: Handling, work: () => T): T {
    this.handlings.set(handling.message, handling);
    return this.messages.run(handling.message, work);
  }
}
