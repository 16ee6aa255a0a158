/** What is for sale. Bids on other lots are taken and shown all the same: the number is all that the service knows. */
export const catalogue = [
  {
    lot: 7,
    title: 'Harbour Light',
    maker: 'Lithograph, 1931',
    art: 'art/harbour-light.svg',
    picture: 'A lighthouse at dusk',
  },
  {
    lot: 12,
    title: 'Navigator’s Astrolabe',
    maker: 'Brass, about 1640',
    art: 'art/astrolabe.svg',
    picture: 'A brass astrolabe',
  },
  { lot: 21, title: 'Moon Jar', maker: 'Porcelain, 1740', art: 'art/moon-jar.svg', picture: 'A round white jar' },
  {
    lot: 34,
    title: 'Chair for a Study',
    maker: 'Painted beech, 1923',
    art: 'art/chair.svg',
    picture: 'A red and blue chair',
  },
];

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
  const title = catalogue.find((entry) => entry.lot === lot)?.title;
  return title ? `Lot ${lot}, ${title}` : `Lot ${lot}`;
}
