import { Logger } from '@nestjs/common';
import { within } from '../../timeout/bounded.wait.js';
import { SparingLog } from '../../timeout/sparing.log.js';
import { GatewaySetupError, HookTimeoutError, kindOf } from '../gateway.errors.js';
import type { Authenticated, GatewayOptions, Handshake } from '../gateway.options.js';

/** What claims may take in the bread crumbs, in bytes; the other crumbs, and those of services, need the rest of 8 KiB. */
const MAX_CLAIMS_BYTES = 6 * 1024;

/** Why somebody is not let in: for good, for what was shown has ended, or only because nobody can judge it now. */
export type Refusal = 'refused' | 'expired' | 'later';

/** Asks the application who a client is: at the upgrade by its cookies and headers, at the hello and a refresh by its token. */
export class Authentication {
  private readonly logger = new Logger(Authentication.name);
  private readonly troubles = new SparingLog(this.logger);

  constructor(private readonly options: Pick<GatewayOptions, 'admit' | 'authenticate' | 'hookTimeout'>) {}

  /** Whether a client may have a WebSocket, and who it is, where that is known before its hello. Never rejects. */
  async atUpgrade(handshake: Handshake): Promise<Authenticated | undefined | Refusal> {
    const { admit } = this.options;
    return admit && this.judged('admit', async () => admit(handshake));
  }

  /** Who a client is by its token; who came in at the upgrade, where tokens are not asked for. Never rejects. */
  async byToken(token: string | undefined, handshake: Handshake): Promise<Authenticated | undefined | Refusal> {
    const { authenticate } = this.options;
    if (!authenticate) return handshake.admitted;
    return this.judged('authenticate', async () => {
      const who = await authenticate(token, handshake);
      if (who !== undefined) return who;
      throw new GatewaySetupError('gateway.authenticate returned nothing. Throw where a token is not good.');
    });
  }

  private async judged(
    hook: 'admit' | 'authenticate',
    ask: () => Promise<Authenticated | undefined>,
  ): Promise<Authenticated | undefined | Refusal> {
    const { hookTimeout } = this.options;
    try {
      const who = await within(ask(), hookTimeout, () => new HookTimeoutError(`gateway.${hook}`, hookTimeout));
      if (who !== undefined) check(who, hook); // only `undefined` means nobody: a false or null is no yes
      return hasEnded(who) ? 'expired' : who;
    } catch (error) {
      return this.refusal(hook, error);
    }
  }

  /** What a hook throws may quote what it was shown, a cookie or a token, so only its kind is logged. */
  private refusal(hook: string, error: unknown): Refusal {
    if (error instanceof GatewaySetupError || error instanceof HookTimeoutError) this.troubles.warn(error.message);
    else this.logger.debug(`gateway.${hook} refused a client: ${kindOf(error)}`);
    return isTemporary(error) ? 'later' : 'refused';
  }
}

function hasEnded(who: Authenticated | undefined): boolean {
  return who?.expires !== undefined && who.expires.getTime() <= Date.now();
}

/** Whether what was shown may be good, and only who judges it is away. */
function isTemporary(error: unknown): boolean {
  return typeof error === 'object' && error !== null && (error as { temporary?: unknown }).temporary === true;
}

/** The claims travel in every bread crumb, which holds 8 KiB of all of them, percent-encoded. */
function check({ claims, expires }: Partial<Authenticated>, hook: string): void {
  if (typeof claims?.sub !== 'string') throw new GatewaySetupError(`gateway.${hook} returned claims without a "sub".`);
  if (expires !== undefined && !(expires instanceof Date && Number.isFinite(expires.getTime())))
    throw new GatewaySetupError(`gateway.${hook} returned an "expires" that is no Date.`);
  const bytes = encodeURIComponent(JSON.stringify(claims)).length;
  if (bytes <= MAX_CLAIMS_BYTES) return;
  throw new GatewaySetupError(
    `gateway.${hook} returned claims of ${bytes} bytes (encoded), and ${MAX_CLAIMS_BYTES} is the most. Return only what handlers need.`,
  );
}
