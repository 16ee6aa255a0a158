import { Module } from '@nestjs/common';
import { Bidding } from './bidding.js';
import { Lots } from './lots.js';
import { Reserves } from './reserves.js';
import { SaleHistory } from './sale.history.js';
import { Settlement } from './settlement.js';

/** The service `auction`. */
@Module({ providers: [Lots, SaleHistory, Bidding, Reserves, Settlement] })
export class AuctionModule {}
