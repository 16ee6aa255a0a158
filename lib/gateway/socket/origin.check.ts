import { Logger } from '@nestjs/common';
import { SparingLog } from '../../timeout/sparing.log.js';

/**
 * Lets in pages of the allowed origins, or of the gateway's own host where none are named. A browser always says where its page is
 * from, and sends cookies along wherever that is; who sends no `Origin` is no browser and passes.
 * @see https://datatracker.ietf.org/doc/html/rfc6455#section-10.2
 */
export class OriginCheck {
  private readonly log = new SparingLog(new Logger(OriginCheck.name));

  constructor(private readonly allowed: readonly string[] | undefined) {}

  allows(origin: string | undefined, host: string | undefined): boolean {
    if (!origin) return true;
    if (this.allowed ? this.allowed.includes(origin) : host !== undefined && hostOf(origin) === host) return true;
    this.log.warn(`A page of "${origin.slice(0, 200)}" was refused. Name its origin in gateway.origins to let it in.`);
    return false;
  }
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
