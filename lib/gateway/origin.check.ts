import { Logger } from '@nestjs/common';
import type { VerifyClientCallbackSync } from 'ws';

/**
 * Lets in pages of the allowed origins, or of the gateway's own host where none are named. A browser always says where its page is
 * from, and sends cookies along wherever that is; who sends no `Origin` is no browser and passes.
 * @see https://datatracker.ietf.org/doc/html/rfc6455#section-10.2
 */
export function originCheck(allowed: readonly string[] | undefined): VerifyClientCallbackSync {
  const logger = new Logger('OriginCheck');
  return ({ origin, req }) => {
    if (!origin) return true;
    const passes = allowed ? allowed.includes(origin) : hostOf(origin) === req.headers.host;
    if (!passes)
      logger.warn(`A page of "${origin.slice(0, 200)}" was refused. Name its origin in gateway.origins to let it in.`);
    return passes;
  };
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
