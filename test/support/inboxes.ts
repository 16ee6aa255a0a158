import { inject, onTestFinished } from 'vitest';
import { ClaimInbox } from '../../lib/service/inbox/claim.inbox.js';
import type { ClaimStore } from '../../lib/service/inbox/claim.store.js';
import type { Inbox } from '../../lib/service/inbox/inbox.js';
import { InboxOptions } from '../../lib/service/inbox/inbox.options.js';
import { MemoryClaimStore } from '../../lib/service/inbox/memory.claim.store.js';
import { RedisClaimStore } from '../../lib/service/inbox/redis.claim.store.js';
import type { RedisOptions } from '../../lib/timeout/timeout.options.js';
import { redisOptions } from './timeouts.js';

/** Where an inbox keeps what it knows. */
export type InboxKind = 'memory' | 'redis';

/** Both, or only the one in memory where no Redis could be had. */
export const INBOX_KINDS: readonly InboxKind[] = inject('redisUrl') ? ['memory', 'redis'] : ['memory'];

export function inboxOptions(given: Partial<InboxOptions> = {}): InboxOptions {
  return Object.assign(new InboxOptions(), given);
}

/** A store on Redis, not started; it hangs up when the test ends. */
export function redisStore(options: RedisOptions, given?: Partial<InboxOptions>): RedisClaimStore {
  const store = new RedisClaimStore(options, inboxOptions(given));
  onTestFinished(() => store.stop());
  return store;
}

/** Makes stores that know the same: one each for all instances of a service. */
export function sharedStores(kind: InboxKind, given?: Partial<InboxOptions>): () => ClaimStore {
  if (kind === 'memory') {
    const store = new MemoryClaimStore(inboxOptions(given));
    return () => store;
  }
  const options = redisOptions(inject('redisUrl'));
  return () => redisStore(options, given);
}

/** The same as inboxes. */
export function sharedInboxes(kind: InboxKind, given?: Partial<InboxOptions>): () => Inbox {
  const stores = sharedStores(kind, given);
  return () => new ClaimInbox(stores(), inboxOptions(given));
}
