import { Injectable } from '@nestjs/common';
import { EntityHandlers } from 'nestjs-kafka-socket';
import { Lot } from './lot.js';
import { LotRepository } from './lot.repository.js';

/** CreateLot, UpdateLot, DeleteLot, GetLot and ListLots, and their events. */
@Injectable()
export class LotHandling extends EntityHandlers(Lot, LotRepository) {}
