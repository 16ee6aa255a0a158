import type { Subscription } from './message.log.js';

/** The readers of a log that run, so that closing it finds them. */
export class OpenSubscriptions {
  private readonly open = new Set<Subscription>();

  /** Keeps a reader until it is stopped by what this returns. */
  add(subscription: Subscription): Subscription {
    this.open.add(subscription);
    return {
      stop: async () => {
        await subscription.stop();
        this.open.delete(subscription);
      },
    };
  }

  async stopAll(): Promise<void> {
    const all = [...this.open];
    this.open.clear();
    await Promise.all(all.map((subscription) => subscription.stop()));
  }
}
