import { Logger } from '@nestjs/common';
import { isObservable, lastValueFrom } from 'rxjs';
import { within } from '../timeout/bounded.wait.js';
import { SparingLog } from '../timeout/sparing.log.js';
import type { AccessGuards, Ask } from './access.guards.js';
import { HookTimeoutError, kindOf } from './gateway.errors.js';
import type { GatewayClient, GatewayOptions, Intent } from './gateway.options.js';

type EventIntent = Intent & { action: 'event' };

const PROMISED = 'it answered with a promise, and whether an event may be read must be answered at once';

/** Asks the application who may do what: its hook and its guards, which must all agree. Whatever they throw means no. */
export class AccessRules {
  private readonly log = new SparingLog(new Logger(AccessRules.name));
  private all: readonly Ask[] | undefined;

  constructor(
    private readonly options: Pick<GatewayOptions, 'authorize' | 'hookTimeout'>,
    private readonly guards: Pick<AccessGuards, 'asks'>,
  ) {}

  /** Whether a client may send a command or listen to a channel, by the claims that it has or is about to have. */
  may(intent: Exclude<Intent, EventIntent>, client: GatewayClient): Promise<boolean> | boolean {
    return this.all?.length === 0 || this.agreed(intent, client);
  }

  private async agreed(intent: Intent, client: GatewayClient): Promise<boolean> {
    const { hookTimeout } = this.options;
    const late = (): Error => new HookTimeoutError('gateway.authorize or a guard', hookTimeout);
    try {
      return this.asks.length === 0 || (await within(this.allAgree(intent, client), hookTimeout, late));
    } catch (error) {
      return this.refuse(intent, error instanceof HookTimeoutError ? error.message : kindOf(error));
    }
  }

  /** Whether a client may read an event. Asked for each event and client, so hook and guards must answer at once. */
  mayRead(event: { readonly intent: EventIntent }, client: GatewayClient): boolean {
    try {
      for (const ask of this.asks) {
        const answer = ask(event.intent, client);
        if (answer !== true) return typeof answer === 'object' ? this.refuseLate(event.intent, answer) : false;
      }
      return true;
    } catch (error) {
      return this.refuse(event.intent, kindOf(error));
    }
  }

  /** The guards are there once the application's providers are. */
  private get asks(): readonly Ask[] {
    if (this.all) return this.all;
    const { authorize } = this.options;
    const hook: Ask[] = authorize ? [(intent, { claims }) => authorize(intent, claims)] : [];
    return (this.all = [...hook, ...this.guards.asks]);
  }

  private async allAgree(intent: Intent, client: GatewayClient): Promise<boolean> {
    for (const ask of this.asks) {
      const answer = await ask(intent, client);
      if ((isObservable(answer) ? await lastValueFrom(answer) : answer) !== true) return false;
    }
    return true;
  }

  /** Nobody waits for the answer about an event, so nobody but this would hear of its failure, which ends a process. */
  private refuseLate(intent: Intent, answer: unknown): false {
    Promise.resolve(answer).catch(() => undefined);
    return this.refuse(intent, PROMISED);
  }

  /** What they throw may quote claims, so only its kind is logged. */
  private refuse({ action, topic }: Intent, why: string): false {
    this.log.warn(
      `gateway.authorize or a guard failed for the ${action} on topic "${topic}", so it was refused: ${why}`,
    );
    return false;
  }
}
