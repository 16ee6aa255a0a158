import { Injectable } from '@nestjs/common';
import type { EntityQuery, EntityRepository } from 'nestjs-kafka-socket';
import type { Lot } from './lot.js';
import { LotShelf } from './lot.shelf.js';
import { SaleHistory } from './sale.history.js';

/**
 * Keeps the lots in the log and nowhere else: nothing is answered before what was published is known. The page sends all that
 * concerns a lot under its key, so one instance at a time writes it; what is true of {@link SaleHistory} is true of this as well.
 * A repository on a database is in examples/generic-commands.
 */
@Injectable()
export class LotRepository implements EntityRepository<Lot> {
  constructor(
    private readonly shelf: LotShelf,
    private readonly history: SaleHistory,
  ) {}

  async find(id: number): Promise<Lot | undefined> {
    await this.history.known();
    return this.shelf.find(id);
  }

  async list(query: EntityQuery<Lot>): Promise<readonly Lot[]> {
    await this.history.known();
    return this.shelf.list(query);
  }

  async insert(lot: Lot): Promise<boolean> {
    await this.history.known();
    return this.shelf.insert(lot);
  }

  async update(lot: Lot, expected: number): Promise<boolean> {
    await this.history.known();
    return this.shelf.update(lot, expected);
  }

  async remove(id: number, expected: number): Promise<boolean> {
    await this.history.known();
    return this.shelf.remove(id, expected);
  }
}
