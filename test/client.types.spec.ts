import { describe, expectTypeOf, it } from 'vitest';
import type { EventMeta } from '../lib/client/index.js';
import { KafkaSocketClient } from '../lib/client/index.js';
import type {
  CommandName,
  EntityName,
  EventData,
  EventTypeName,
  PayloadOf,
  ResultOf,
} from '../lib/client/client.contract.js';

interface Bid {
  lot: number;
  amount: number;
}

interface Auction {
  commands: {
    auction: {
      PlaceBid: { payload: { lot: number; amount: number }; result: Bid };
      Close: { payload: undefined; result: undefined };
    };
    'billing.eu': { Pay: { payload: string; result: number } };
  };
  events: {
    auction: { 'Bid.Created': Bid; 'Bid.Withdrawn': number; 'Lot.Created': string; 'Reserve.Changed': undefined };
  };
}

// The compiler is what these tests are run by (`npm run typecheck`); nothing connects.
declare const typed: KafkaSocketClient<Auction>;
declare const untyped: KafkaSocketClient;
const compiled: (check: () => void) => void = () => undefined;

describe('a client with a contract', () => {
  it('knows what commands take and give', () => {
    expectTypeOf<CommandName<Auction, 'auction'>>().toEqualTypeOf<'PlaceBid' | 'Close'>();
    expectTypeOf<PayloadOf<Auction, 'billing.eu', 'Pay'>>().toEqualTypeOf<string>();
    expectTypeOf<ResultOf<Auction, 'auction', 'PlaceBid'>>().toEqualTypeOf<Bid>();
    compiled(() => {
      expectTypeOf(typed.send('auction', 'PlaceBid', { lot: 7, amount: 1 })).resolves.toEqualTypeOf<Bid>();
      expectTypeOf(typed.send('auction', 'Close', undefined, { ttl: 1 })).resolves.toEqualTypeOf<undefined>();
      // @ts-expect-error no such topic
      void typed.send('auctions', 'PlaceBid', { lot: 7, amount: 1 });
      // @ts-expect-error no such command of this topic
      void typed.send('auction', 'Pay', 'x');
      // @ts-expect-error the payload lacks something
      void typed.send('auction', 'PlaceBid', { lot: 7 });
    });
  });

  it('knows what events bring', () => {
    expectTypeOf<EntityName<Auction, 'auction'>>().toEqualTypeOf<'Bid' | 'Lot' | 'Reserve'>();
    expectTypeOf<EventTypeName<Auction, 'auction', 'Bid'>>().toEqualTypeOf<'Created' | 'Withdrawn'>();
    expectTypeOf<EventTypeName<Auction, 'auction', '*'>>().toEqualTypeOf<'Created' | 'Withdrawn' | 'Changed'>();
    expectTypeOf<EventData<Auction, 'auction', 'Bid'>>().toEqualTypeOf<Bid | number>();
    expectTypeOf<EventData<Auction, 'auction', '*', 'Created'>>().toEqualTypeOf<Bid | string>();
    compiled(() => {
      typed.on('auction', 'Bid', 'Created', (bid, meta) => {
        expectTypeOf(bid).toEqualTypeOf<Bid>();
        expectTypeOf(meta).toEqualTypeOf<EventMeta>();
      });
      typed.on('auction', 'Reserve', 'Changed', (data) => expectTypeOf(data).toEqualTypeOf<undefined>());
      typed.on('auction', 'Bid', (data) => expectTypeOf(data).toEqualTypeOf<Bid | number>());
      typed.on('auction', '*', 'Created', (data) => expectTypeOf(data).toEqualTypeOf<Bid | string>());
      typed.on('auction', (data) => expectTypeOf(data).toEqualTypeOf<Bid | number | string | undefined>());
      // @ts-expect-error no such event of this entity
      typed.on('auction', 'Lot', 'Withdrawn', () => undefined);
      // @ts-expect-error no such entity
      typed.on('auction', 'Bidder', () => undefined);
    });
  });
});

describe('a client without a contract', () => {
  it('takes everything, and says nothing of what comes back', () => {
    compiled(() => {
      expectTypeOf(untyped.send('auction', 'PlaceBid', { lot: 7 })).resolves.toEqualTypeOf<unknown>();
      untyped.on('auction', 'Bid', 'Created', (data) => expectTypeOf(data).toEqualTypeOf<unknown>());
      untyped.on('auction', 'Bid', (data) => expectTypeOf(data).toEqualTypeOf<unknown>());
      untyped.on('auction', (data) => expectTypeOf(data).toEqualTypeOf<unknown>());
    });
  });
});

describe('a contract of commands alone', () => {
  it('has no events', () => {
    compiled(() => {
      const client = null as unknown as KafkaSocketClient<Pick<Auction, 'commands'>>;
      expectTypeOf(client.send('billing.eu', 'Pay', 'x')).resolves.toEqualTypeOf<number>();
      // @ts-expect-error there is no topic with events
      client.on('auction', () => undefined);
    });
  });
});
