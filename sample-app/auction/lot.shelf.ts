import { Injectable } from '@nestjs/common';
import { MemoryEntityRepository, type PlatformMessage } from 'nestjs-kafka-socket';
import { Lot } from './lot.js';

/** What the house begins with, wherever the log begins. */
const FIRST_LOTS = [
  { id: 7, title: 'Harbour Light', maker: 'Lithograph, 1931' },
  { id: 12, title: 'Navigator’s Astrolabe', maker: 'Brass, about 1640' },
  { id: 21, title: 'Moon Jar', maker: 'Porcelain, 1740' },
  { id: 34, title: 'Chair for a Study', maker: 'Painted beech, 1923' },
];

/** The lots as they are known here: what was written by this instance, and what the log tells of all others. */
@Injectable()
export class LotShelf extends MemoryEntityRepository<Lot> {
  constructor() {
    super({ capacity: 200 });
    for (const lot of FIRST_LOTS) void this.insert(Object.assign(new Lot(), lot, { version: 1 }));
  }

  /** Takes an event of the log; of what is known here already it is no news. */
  async learn({ payload: { name, data } }: PlatformMessage): Promise<void> {
    if (!isLot(data)) return;
    const lot = Object.assign(new Lot(), data);
    if (name === 'Lot.Deleted') await this.remove(lot.id, lot.version);
    if (name !== 'Lot.Created' && name !== 'Lot.Updated') return;
    const known = await this.find(lot.id);
    // Where the shelf is full, so is everybody's: only two who filled it at the same moment get here, and one lot is not shown.
    if (!known) await this.insert(lot).catch(() => false);
    else if (known.version < lot.version) await this.update(lot, known.version);
  }
}

/** Anyone who may write to the topic may have written it. */
function isLot(data: unknown): data is Pick<Lot, 'id' | 'version'> {
  const { id, version } = (data ?? {}) as Partial<Record<keyof Lot, unknown>>;
  return typeof id === 'number' && typeof version === 'number';
}
