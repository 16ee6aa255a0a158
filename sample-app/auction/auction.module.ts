import { Module } from '@nestjs/common';
import { Bidding } from './bidding.js';
import { Closing } from './closing.js';
import { LotHandling } from './lot.handling.js';
import { LotRepository } from './lot.repository.js';
import { LotShelf } from './lot.shelf.js';
import { Lots } from './lots.js';
import { Reserves } from './reserves.js';
import { SaleHistory } from './sale.history.js';
import { Settlement } from './settlement.js';

/** The service `auction`. */
@Module({
  providers: [Lots, LotShelf, SaleHistory, LotRepository, LotHandling, Bidding, Reserves, Settlement, Closing],
})
export class AuctionModule {}
