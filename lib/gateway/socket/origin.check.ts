import { Logger } from '@nestjs/common';
import type { VerifyClientCallbackAsync } from 'ws';

/**
 * Lets in pages of the allowed origins, or of the gateway's own host where none are named. A browser always says where its page is
 * from, and sends cookies along wherever that is; who sends no `Origin` is no browser and passes.
 * @see https://datatracker.ietf.org/doc/html/rfc6455#section-10.2
 */
export function originCheck(allowed: readonly string[] | undefined): VerifyClientCallbackAsync {
  const logger = new Logger('OriginCheck');
  return ({ origin, req }, answer) => {
    const passes = !origin || (allowed ? allowed.includes(origin) : hostOf(origin) === req.headers.host);
    if (!passes)
      logger.warn(`A page of "${origin.slice(0, 200)}" was refused. Name its origin in gateway.origins to let it in.`);
    answer(passes, 403);
  };
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
