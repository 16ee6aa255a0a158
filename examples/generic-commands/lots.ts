import { Injectable, Module } from '@nestjs/common';
import { EntityHandlers } from 'nestjs-kafka-socket';
import { Database } from '../transactional-inbox/database.js';
import { SqliteInbox } from '../transactional-inbox/sqlite.inbox.js';
import { Lot } from './lot.js';
import { SqliteLotRepository } from './sqlite.lot.repository.js';

/** Handles CreateLot, UpdateLot, DeleteLot, GetLot and ListLots, and publishes Lot.Created, Lot.Updated and Lot.Deleted. */
@Injectable()
export class Lots extends EntityHandlers(Lot, SqliteLotRepository) {}

@Module({
  providers: [
    { provide: Database, useFactory: () => new Database(process.env['DATABASE'] ?? 'lots.sqlite') },
    SqliteInbox,
    SqliteLotRepository,
    Lots,
  ],
})
export class LotsModule {}
