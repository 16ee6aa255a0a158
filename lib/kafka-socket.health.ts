import { Inject, Injectable, Optional } from '@nestjs/common';
import { Gateway } from './gateway/gateway.js';
import { MESSAGE_LOG } from './log/log.constants.js';
import type { MessageLog } from './log/message.log.js';
import type { Inbox } from './service/inbox/inbox.js';
import { INBOX } from './service/inbox/inbox.constants.js';
import { ServiceRunner } from './service/service.runner.js';
import { TIMEOUT_SCHEDULER } from './timeout/timeout.constants.js';
import type { TimeoutScheduler } from './timeout/timeout.scheduler.js';

/** What each part says of itself: `up`, or why it cannot be used. */
export interface HealthReport {
  /** Whether this process should get traffic. */
  readonly ready: boolean;
  readonly details: Readonly<Record<'log' | 'timeouts' | 'handlers', string>> & {
    readonly gateway?: string;
    readonly inbox?: string;
  };
}

/** Tells whether this process can do its part, for a readiness probe. A process that cannot is alive all the same: it tries again. */
@Injectable()
export class KafkaSocketHealth {
  /** @internal Nest makes it; users' compilers need not know from what. */
  constructor(
    @Inject(MESSAGE_LOG) private readonly log: MessageLog,
    @Inject(TIMEOUT_SCHEDULER) private readonly timeouts: TimeoutScheduler,
    private readonly service: ServiceRunner,
    @Optional() private readonly gateway?: Gateway,
    @Optional() @Inject(INBOX) private readonly inbox?: Inbox,
  ) {}

  /** Looks at every part now; asks nobody over the network. */
  check(): HealthReport {
    const troubles = { log: this.log.trouble, gateway: this.gateway?.trouble, handlers: this.service.trouble };
    return {
      // Without time-outs in Redis every request still ends, by the gateway's backstop: that is worth a line, not the traffic.
      ready: Object.values(troubles).every((trouble) => trouble === undefined),
      details: {
        log: troubles.log ?? 'up',
        timeouts: this.timeouts.trouble ?? 'up',
        handlers: troubles.handlers ?? 'up',
        ...(this.gateway && { gateway: troubles.gateway ?? 'up' }),
        // Handlers wait for it, or run without; the gateway of the same process goes on.
        ...(this.inbox && { inbox: this.inbox.trouble ?? 'up' }),
      },
    };
  }
}
