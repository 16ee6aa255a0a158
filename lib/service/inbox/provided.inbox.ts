import type { OnModuleInit, Type } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';
import { InvalidInboxError } from './inbox.errors.js';
import type { Completion, Delivery, Handle, Inbox } from './inbox.js';

/** An inbox of the application's own, found among its providers when all of them are there. */
export class ProvidedInbox implements Inbox, OnModuleInit {
  private found?: Inbox;

  constructor(
    private readonly type: Type<Inbox>,
    private readonly modules: ModuleRef,
  ) {}

  /** @throws {InvalidInboxError} `inbox_invalid` */
  onModuleInit(): void {
    const { name } = this.type;
    try {
      this.found = this.modules.get<Inbox>(this.type, { strict: false });
    } catch (cause) {
      throw new InvalidInboxError(
        `"handlers.inbox.store" is ${name}, and no module has it as a provider that is there for all messages. Add ${name} to the providers of one, without request scope.`,
        cause,
      );
    }
    if (typeof this.found?.run !== 'function')
      throw new InvalidInboxError(`"handlers.inbox.store" is ${name}, which has no method run(). Implement Inbox.`);
  }

  async start(namespace: string): Promise<void> {
    await this.found?.start?.(namespace);
  }

  async stop(): Promise<void> {
    await this.found?.stop?.();
  }

  get trouble(): string | undefined {
    return this.found?.trouble;
  }

  run(delivery: Delivery, handle: Handle): Promise<Completion> {
    return this.found!.run(delivery, handle);
  }
}
