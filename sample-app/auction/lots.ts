import { Injectable } from '@nestjs/common';

/** The bid that leads. */
export interface LeadingBid {
  readonly amount: number;
  readonly bidder: string;
  /** Id of the command that placed it. */
  readonly command: string;
}

interface Reserve {
  readonly amount: number;
  /** When its command was written, in milliseconds since the epoch. */
  readonly since: number;
}

/**
 * The state of the sale, as far as it is known here. It may be told anything twice and in any order: the highest bid leads,
 * and the latest reserve holds.
 */
@Injectable()
export class Lots {
  // Grows with the lots that anyone names. A real auction would look the lot up first.
  private readonly leaders = new Map<number, LeadingBid>();
  private readonly reserves = new Map<number, Reserve>();

  leading(lot: number): LeadingBid | undefined {
    return this.leaders.get(lot);
  }

  lead(lot: number, bid: LeadingBid): void {
    if (bid.amount > (this.leading(lot)?.amount ?? 0)) this.leaders.set(lot, bid);
  }

  reserve(lot: number): number | undefined {
    return this.reserves.get(lot)?.amount;
  }

  setReserve(lot: number, amount: number, since: number): void {
    if (since >= (this.reserves.get(lot)?.since ?? 0)) this.reserves.set(lot, { amount, since });
  }

  /** The lots with a bid. */
  list(): { lot: number; amount: number }[] {
    return [...this.leaders].map(([lot, { amount }]) => ({ lot, amount }));
  }
}
