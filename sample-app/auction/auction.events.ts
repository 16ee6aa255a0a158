import { EventEntity } from 'nestjs-kafka-socket';

/** A bid that leads now. Everyone may know all about it. */
@EventEntity('auction', 'Bid')
export class BidEvent {
  lot!: number;
  amount!: number;
  leading!: true;
}

/** A lot's reserve. Only that it changed is broadcast; who wants to know it asks, and may be refused. */
@EventEntity('auction', 'Reserve')
export class ReserveEvent {
  lot!: number;
  amount!: number;
}

/** A lot that was sold. */
@EventEntity('auction', 'Lot')
export class LotEvent {
  lot!: number;
  winner!: string;
  amount!: number;
}

/** When a lot ends: it was said, or a late bid moved it. */
@EventEntity('auction', 'Lot')
export class LotEndingEvent {
  lot!: number;
  /** In milliseconds since the epoch. */
  ends!: number;
  /** A bid so many milliseconds before the end moves it: from the bid on there are as many again. */
  overtime!: number;
}

/** A lot that takes no more bids. */
@EventEntity('auction', 'Lot')
export class LotClosedEvent {
  lot!: number;
  /** The end that has come, in milliseconds since the epoch. */
  ends!: number;
  /** Who is charged now, and how much; left out where the lot stays. */
  winner?: string;
  amount?: number;
  /** Why it stays: the code that `Settle` would be rejected with. */
  unsold?: string;
}

/** What the room may know of a payment that takes longer: `Delayed`, the bank is asked again; `Failed`, it is not. */
@EventEntity('auction', 'Payment')
export class SaleTroubleEvent {
  lot!: number;
  attempt!: number;
  attempts!: number;
}

/** All events of a lot have its key, whatever the key of the command was: so they keep their order. */
export function lotKey({ lot }: { lot: number }): string {
  return `lot-${lot}`;
}
