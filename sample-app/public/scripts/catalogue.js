/** What the house begins with. Bids on other lots are taken all the same: the number is all that they need. */
const FIRST = [
  { lot: 7, title: 'Harbour Light', maker: 'Lithograph, 1931', version: 1 },
  { lot: 12, title: 'Navigator’s Astrolabe', maker: 'Brass, about 1640', version: 1 },
  { lot: 21, title: 'Moon Jar', maker: 'Porcelain, 1740', version: 1 },
  { lot: 34, title: 'Chair for a Study', maker: 'Painted beech, 1923', version: 1 },
];

const PICTURES = {
  7: { art: 'art/harbour-light.svg', picture: 'A lighthouse at dusk' },
  12: { art: 'art/astrolabe.svg', picture: 'A brass astrolabe' },
  21: { art: 'art/moon-jar.svg', picture: 'A round white jar' },
  34: { art: 'art/chair.svg', picture: 'A red and blue chair' },
};
const CRATE = { art: 'art/crate.svg', picture: 'A wooden crate, still closed' };

/**
 * What is for sale, as far as this page knows: `{ lot, title, maker, version, art, picture }`. Lists and events come side by side, so
 * each is taken for the version that it tells. Its events: `shown` and `gone`.
 */
class Catalogue extends EventTarget {
  #entries = new Map();
  #gone = new Map(); // the versions that were withdrawn, which a list that was on its way may still hold

  constructor() {
    super();
    for (const entry of FIRST) this.#entries.set(entry.lot, { ...entry, ...PICTURES[entry.lot] });
  }

  get entries() {
    return [...this.#entries.values()];
  }

  find(lot) {
    return this.#entries.get(lot);
  }

  /** A lot as the service has it: made, changed, or in a list. */
  show({ id: lot, title, maker, version }, { listed = false } = {}) {
    const known = this.#entries.get(lot);
    if (known && known.version >= version) return;
    if (listed && this.#gone.get(lot) >= version) return;
    this.#entries.set(lot, { lot, title, maker: maker ?? 'From a private hand', version, ...(PICTURES[lot] ?? CRATE) });
    this.#tell('shown', this.#entries.get(lot));
  }

  withdraw({ id: lot, version }) {
    this.#gone.set(lot, version);
    if (this.#entries.delete(lot)) this.#tell('gone', { lot });
  }

  /** All that the service had when it was asked: what is as old as that, and not there, is gone. */
  list(lots) {
    const listed = new Set(lots.map(({ id }) => id));
    for (const { lot, version } of FIRST) if (!listed.has(lot)) this.withdraw({ id: lot, version });
    for (const entity of lots) this.show(entity, { listed: true });
  }

  /** The log is another one: it begins as the house does. */
  forget() {
    this.#gone.clear();
    for (const { lot } of this.entries) this.withdraw({ id: lot, version: 0 });
    this.#gone.clear();
    for (const { lot, ...entry } of FIRST) this.show({ id: lot, ...entry });
  }

  #tell(what, detail) {
    this.dispatchEvent(new CustomEvent(what, { detail }));
  }
}

export const catalogue = new Catalogue();

/** The order that matters is that of one lot: its number is the key of all messages about it. */
export function keyOf(lot) {
  return `lot-${lot}`;
}

/** The lot of a key made by {@link keyOf}. */
export function lotOf(key) {
  const match = /^lot-(\d+)$/.exec(key ?? '');
  return match ? Number(match[1]) : undefined;
}

/** What people call a lot. */
export function nameOf(lot) {
  const title = catalogue.find(lot)?.title;
  return title ? `Lot ${lot}, ${title}` : `Lot ${lot}`;
}
