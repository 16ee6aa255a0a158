import { Injectable } from '@nestjs/common';
import { IsIn, IsInt, IsOptional, IsUUID, Length, Min } from 'class-validator';
import { EventEntity } from '../../lib/entity/event-entity.decorator.js';
import { EntityHandlers } from '../../lib/service/entity/entity.handlers.js';
import { MemoryEntityRepository } from '../../lib/service/entity/memory.entity.repository.js';
import { fresh } from './service.js';

/** Lots on a topic of their own, with handlers that nobody wrote. */
export function lots() {
  const topic = fresh('lots');

  @EventEntity(topic, 'Lot')
  class Lot {
    @IsUUID() id!: string;
    version!: number;
    @Length(1, 20) title!: string;
    @IsInt() @Min(0) reserve?: number = 10;
    @IsOptional() @IsIn(['gold', 'silver']) metal?: string | null;
    /** No client sets it: it has no validator. */
    soldTo?: string;
    /** Nor this, though it begins with something. */
    state?: string = 'open';
  }

  @Injectable()
  class LotRepository extends MemoryEntityRepository<Lot> {
    constructor() {
      super();
    }
  }

  @Injectable()
  class Lots extends EntityHandlers(Lot, LotRepository) {}

  return { topic, Lot, LotRepository, Lots, providers: [LotRepository, Lots] };
}
