import { AsyncLocalStorage } from 'node:async_hooks';
import { Injectable } from '@nestjs/common';
import type { PlatformMessage } from './platform-message.js';

/**
 * The message that is being handled, for all that runs because of it: across `await`, timers and handlers side by side.
 * One for each module instance, so that two in one process never see each other's.
 */
@Injectable()
export class MessageContext {
  private readonly storage = new AsyncLocalStorage<PlatformMessage>();

  /** The message being handled, if any. */
  get current(): PlatformMessage | undefined {
    return this.storage.getStore();
  }

  /** Runs `work` as the handling of `message`. */
  run<T>(message: PlatformMessage, work: () => T): T {
    return this.storage.run(message, work);
  }
}
