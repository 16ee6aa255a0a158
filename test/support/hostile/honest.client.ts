import { RawClient, type RawFrame } from '../raw.client.js';

/** Told of a hostile run by those who are served meanwhile. */
export interface HonestReport {
  readonly requests: number;
  /** Longest from a request to its outcome, in milliseconds. */
  readonly slowest: number;
  /** Places of all events in the order that they came. */
  readonly events: readonly string[];
}

const PAUSE = 20;

/** A client as it should be: bids, opens its outcome, sees its own event, and bids again. */
export class HonestClient {
  private slowest = 0;
  private requests = 0;
  private readonly events: string[] = [];

  private constructor(
    readonly client: RawClient,
    readonly topic: string,
    private readonly secret: string,
  ) {}

  static async welcome(url: string, topic: string, token: string, secret: string): Promise<HonestClient> {
    return new HonestClient(await RawClient.welcome(url, { channels: [topic], token }), topic, secret);
  }

  /** Until it is told to end; fails where anything is not as it should be. */
  async bid(isOver: () => boolean): Promise<void> {
    while (!isOver() || this.requests < 10) {
      const amount = 1_000_000 + ++this.requests;
      const began = performance.now();
      const requestId = this.client.request(
        this.topic,
        'PlaceBid',
        { lot: 1, amount, secret: this.secret },
        { ttl: 5_000 },
      );
      const outcome = (await this.client.outcome(this.topic, requestId)) as {
        status: string;
        value?: { amount: number };
      };
      if (outcome.status !== 'success' || outcome.value?.amount !== amount)
        throw new Error(`An honest bid ended as ${JSON.stringify(outcome)}`);
      await this.seen(({ type, requestId: of }) => of === requestId && type === 'Bid.Created');
      this.slowest = Math.max(this.slowest, performance.now() - began);
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }

  /** Reads events on to one that is wanted. */
  async seen(isWanted: (event: RawFrame['data']) => boolean): Promise<void> {
    for (;;) {
      const { data } = await this.client.next(`socket/${this.topic}/broadcast`);
      this.events.push(String(data.at));
      if (isWanted(data)) return;
    }
  }

  report(): HonestReport {
    return { requests: this.requests, slowest: this.slowest, events: this.events };
  }

  /** What came and was not asked for. */
  get surprises(): readonly RawFrame[] {
    return this.client.unread.filter(({ event }) => !/^(ping|accepted)$|broadcast$/.test(event));
  }
}
