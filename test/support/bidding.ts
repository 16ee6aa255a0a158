import { IsPositive } from 'class-validator';
import type { Outcome } from '../../lib/protocol/outcome.js';
import { CommandAddress } from '../../lib/entity/command-address.decorator.js';
import { fresh, request, startService, type TestServiceOptions } from './service.js';

/** A payload class on a topic of its own. */
export function bidding() {
  const topic = fresh('auction');
  @CommandAddress(topic, 'PlaceBid')
  class PlaceBid {
    @IsPositive() amount!: number;
  }
  return { topic, PlaceBid };
}

/** The outcome of one command in a service of its own. */
export async function outcomeIn(
  given: TestServiceOptions,
  topic: string,
  data: unknown = { amount: 5 },
): Promise<Outcome> {
  const service = await startService(given);
  const { requestId } = await request(service.log, topic, 'PlaceBid', data, { crumbs: { user: '{"sub":"ann"}' } });
  return service.follower.outcome(requestId);
}
