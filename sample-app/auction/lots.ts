import { Injectable } from '@nestjs/common';

/** The bid that leads. */
export interface LeadingBid {
  readonly amount: number;
  readonly bidder: string;
  /** Id of the command that placed it. */
  readonly command: string;
}

/** A lot, as one of the bidders may see it. */
export interface LotView {
  readonly lot: number;
  /** The bid that leads; left out where nobody has bid. */
  readonly amount?: number;
  readonly reserve?: number;
  readonly sold?: boolean;
  /** When it ends, or has ended, in milliseconds since the epoch; left out where it has no end. */
  readonly ends?: number;
  readonly overtime?: number;
  /** Whether it has ended. */
  readonly closed?: boolean;
  /** Whether the bid that leads is theirs. */
  readonly mine?: boolean;
}

interface Reserve {
  readonly amount: number;
  /** Id of the command that set it. */
  readonly command: string;
}

/** When a lot ends. */
export interface Ending {
  /** In milliseconds since the epoch. */
  readonly ends: number;
  /** How long before the end a bid moves it, in milliseconds. */
  readonly overtime: number;
}

/** A lot for which the hammer fell. */
export interface Sale {
  readonly amount: number;
  /** Id of the command that it began with. */
  readonly command: string;
  /** How long it waits for its money, in milliseconds since the epoch. */
  readonly until: number;
}

/**
 * The state of the sale, as far as it is known here. It may be told anything twice and in any order: the highest bid leads,
 * the latest reserve holds, and what was sold for the amount that leads is sold. A higher bid opens the lot again.
 */
@Injectable()
export class Lots {
  // All of these grow with the lots that anyone names. A real auction would look the lot up first.
  private readonly leaders = new Map<number, LeadingBid>();
  private readonly reserves = new Map<number, Reserve>();
  private readonly sales = new Map<number, Sale>();
  private readonly paid = new Map<number, number>();
  private readonly endings = new Map<number, Ending & { readonly command: string }>();
  private readonly closed = new Map<number, number>();

  leading(lot: number): LeadingBid | undefined {
    return this.leaders.get(lot);
  }

  lead(lot: number, bid: LeadingBid): void {
    if (bid.amount > this.leadingAmount(lot)) this.leaders.set(lot, bid);
  }

  reserve(lot: number): number | undefined {
    return this.reserves.get(lot)?.amount;
  }

  /** @param command its id, a UUIDv7: of two reserves the one that was asked for later holds, whichever is told first */
  setReserve(lot: number, amount: number, command: string): void {
    const known = this.reserves.get(lot)?.command ?? '';
    if (timeOf(command) >= timeOf(known)) this.reserves.set(lot, { amount, command });
  }

  ending(lot: number): Ending | undefined {
    return this.endings.get(lot);
  }

  /** @param command as in {@link setReserve} */
  setEnd(lot: number, { ends, overtime }: Ending, command: string): void {
    const known = this.endings.get(lot)?.command ?? '';
    if (timeOf(command) >= timeOf(known)) this.endings.set(lot, { ends, overtime, command });
  }

  /** This end of the lot has come. */
  close(lot: number, ends: number): void {
    this.closed.set(lot, Math.max(ends, this.closed.get(lot) ?? 0));
  }

  /** Whether its end has come, and no later one was said since. */
  isClosed(lot: number): boolean {
    const closed = this.closed.get(lot);
    return closed !== undefined && closed >= (this.endings.get(lot)?.ends ?? 0);
  }

  /** The sale that is waiting for its money, unless a higher bid came since, or its time is over. */
  beingSold(lot: number, now: number = Date.now()): Sale | undefined {
    const sale = this.sales.get(lot);
    return sale && sale.amount >= this.leadingAmount(lot) && sale.until > now ? sale : undefined;
  }

  beginSale(lot: number, sale: Sale): void {
    this.sales.set(lot, sale);
  }

  /** The money does not come. */
  dropSale(lot: number): void {
    this.sales.delete(lot);
  }

  isSold(lot: number): boolean {
    const paid = this.paid.get(lot);
    return paid !== undefined && paid >= this.leadingAmount(lot);
  }

  /** The money is there. */
  sell(lot: number, { amount, winner }: { amount: number; winner: string }): void {
    this.lead(lot, { amount, bidder: winner, command: '' }); // where retention took the bid away, the sale still tells of it
    this.paid.set(lot, Math.max(amount, this.paid.get(lot) ?? 0));
  }

  /** All lots that anything is known of, by number. */
  list(viewer: string): LotView[] {
    const known = new Set([...this.leaders.keys(), ...this.reserves.keys(), ...this.endings.keys()]);
    return [...known].sort((one, other) => one - other).map((lot) => this.view(lot, viewer));
  }

  private view(lot: number, viewer: string): LotView {
    const leading = this.leading(lot);
    const { ends, overtime } = this.ending(lot) ?? {};
    return {
      lot,
      amount: leading?.amount,
      reserve: this.reserve(lot),
      ends,
      overtime,
      ...(this.isClosed(lot) && { closed: true }),
      ...(this.isSold(lot) && { sold: true }),
      ...(leading?.bidder === viewer && { mine: true }),
    };
  }

  private leadingAmount(lot: number): number {
    return this.leading(lot)?.amount ?? 0;
  }
}

/** The first 48 bits of a UUIDv7; the rest of it is random, and says nothing of the order. */
function timeOf(id: string): string {
  return id.slice(0, 13);
}
