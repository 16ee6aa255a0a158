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

/** All events of a lot have its key, whatever the key of the command was: so they keep their order. */
export function lotKey({ lot }: { lot: number }): string {
  return `lot-${lot}`;
}
