/**
 * What is known about the lots: `{ lot, leading, holder: 'you' | 'other' | undefined, reserve, sold }`. Events of one lot
 * come in the order of the log, so the last one is right; a list that was asked for may be older than they are.
 */
export class AuctionState extends EventTarget {
  #lots = new Map();

  lot(number) {
    const known = this.#lots.get(number);
    return known ?? { lot: number, leading: 0, holder: undefined, reserve: undefined, sold: undefined };
  }

  /** The list that a page loads when it opens; live bids that came before it win. */
  loaded(lots) {
    for (const { lot, amount } of lots) {
      if (amount > this.lot(lot).leading) this.#set(lot, { leading: amount, holder: 'other' });
    }
  }

  bid(lot, amount, mine) {
    this.#set(lot, { leading: amount, holder: mine ? 'you' : 'other', sold: undefined });
  }

  reserve(lot, amount) {
    this.#set(lot, { reserve: amount });
  }

  /** The hammer fell; who still wants it must bid more. */
  sold(lot, amount, mine) {
    this.#set(lot, { sold: { amount, mine } });
  }

  #set(lot, facts) {
    this.#lots.set(lot, { ...this.lot(lot), ...facts });
    this.dispatchEvent(new CustomEvent('change', { detail: this.#lots.get(lot) }));
  }
}
