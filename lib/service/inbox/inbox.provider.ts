import type { ModuleRef } from '@nestjs/core';
import type { RedisOptions } from '../../timeout/timeout.options.js';
import { ClaimInbox } from './claim.inbox.js';
import type { Inbox } from './inbox.js';
import type { InboxOptions } from './inbox.options.js';
import { MemoryClaimStore } from './memory.claim.store.js';
import { ProvidedInbox } from './provided.inbox.js';
import { RedisClaimStore } from './redis.claim.store.js';

/**
 * The inbox that the options name, if any.
 * @param redis where Redis is; checked to be there where it is wanted
 */
export function inboxFor(
  options: InboxOptions,
  redis: RedisOptions | undefined,
  modules: ModuleRef,
): Inbox | undefined {
  const { store } = options;
  if (store === false) return undefined;
  if (store === 'memory') return new ClaimInbox(new MemoryClaimStore(options), options);
  if (store === 'redis') return new ClaimInbox(new RedisClaimStore(redis!, options), options);
  return typeof store === 'function' ? new ProvidedInbox(store, modules) : store;
}
