/**
 * What is known about the lots: `{ lot, leading, holder: 'you' | 'other' | undefined, reserve, sold, ends?, overtime?, closed, trouble? }`;
 * `trouble` is how far the payment is that takes longer, `{ attempt, attempts, failed }`. Events and lists reach
 * the page side by side, so each is taken for what it adds: the highest bid leads, and what was sold for it is sold.
 */
export class AuctionState extends EventTarget {
  #lots = new Map();

  lot(number) {
    const known = this.#lots.get(number);
    return known ?? { lot: number, leading: 0, holder: undefined, reserve: undefined, sold: false, closed: false };
  }

  /** The list that a page loads when it opens. */
  loaded(lots) {
    for (const { lot, amount, reserve, sold, mine, ends, overtime, closed } of lots) {
      if (amount !== undefined) this.bid(lot, amount, mine);
      if (sold) this.sold(lot, amount);
      if (reserve !== undefined && this.lot(lot).reserve === undefined) this.reserve(lot, reserve);
      if (ends !== undefined && this.lot(lot).ends === undefined) this.ending(lot, { ends, overtime });
      if (closed) this.close(lot, ends);
    }
  }

  /** A bid opens a lot that was sold for less again. */
  bid(lot, amount, mine) {
    const { leading, holder, sold } = this.lot(lot);
    if (amount < leading) return;
    const known = amount === leading;
    this.#set(lot, { leading: amount, holder: mine ? 'you' : known ? holder : 'other', sold: known && sold });
    if (!known) this.#set(lot, { trouble: undefined });
  }

  reserve(lot, amount) {
    this.#set(lot, { reserve: amount });
  }

  /** The hammer fell. */
  sold(lot, amount) {
    this.bid(lot, amount, false); // the bid itself may be too long ago for the log
    if (this.lot(lot).leading === amount) this.#set(lot, { sold: true, trouble: undefined });
  }

  ending(lot, { ends, overtime }) {
    this.#set(lot, { ends, overtime, closed: false });
  }

  /** This end has come, unless a later one was set since. */
  close(lot, ends) {
    if (!(this.lot(lot).ends > ends)) this.#set(lot, { ends, closed: true });
  }

  /** The bank stutters. */
  trouble(lot, trouble) {
    this.#set(lot, { trouble });
  }

  /** Forgets everything: the log is another one, or no longer holds all that was missed. */
  forget() {
    const known = [...this.#lots.keys()];
    this.#lots.clear();
    for (const lot of known) this.#set(lot, {});
  }

  #set(lot, facts) {
    this.#lots.set(lot, { ...this.lot(lot), ...facts });
    this.dispatchEvent(new CustomEvent('change', { detail: this.#lots.get(lot) }));
  }
}
