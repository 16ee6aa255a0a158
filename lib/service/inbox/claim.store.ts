/** What a store says of a key: it is ours to handle, somebody else is at it, or it was handled and this came of it. */
export type Claimed =
  { readonly state: 'ours' } | { readonly state: 'held' } | { readonly state: 'done'; readonly completion: string };

/**
 * Where an inbox notes who handles what, and what came of it. Every step is atomic. One contract suite runs against every
 * adapter.
 */
export interface ClaimStore {
  /** Why it cannot be used now; undefined while it can. */
  readonly trouble: string | undefined;
  /** @param namespace names the log and the service */
  start(namespace: string): Promise<void>;
  /**
   * Claims a key for as long as a lease lasts, or renews the claim; after the lease anybody may claim it.
   * @param holder who asks; a new text for each handling
   * @throws {InboxUnavailableError} `inbox_unavailable`
   */
  claim(key: string, holder: string): Promise<Claimed>;
  /**
   * Keeps what came of it, for as long as the window. `ours` where that worked: also after the lease, as long as nobody else
   * has claimed the key since. Else nothing changes, and what is said is what the other one did.
   * @throws {InboxUnavailableError} `inbox_unavailable`; whether it was kept is unknown, and asking again does no harm
   */
  complete(key: string, holder: string, completion: string): Promise<Claimed>;
  /**
   * Gives a claim back. One that is not ours stays.
   * @throws {InboxUnavailableError} `inbox_unavailable`
   */
  release(key: string, holder: string): Promise<void>;
  /** Hangs up. Safe to call twice. */
  stop(): Promise<void>;
}

export const OURS: Claimed = { state: 'ours' };
export const HELD: Claimed = { state: 'held' };
