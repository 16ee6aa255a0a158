import { Injectable } from '@nestjs/common';
import { IsIn, IsInt, IsOptional, IsUUID, Length, Min } from 'class-validator';
import { expect, onTestFinished } from 'vitest';
import { EventEntity } from '../../lib/entity/event-entity.decorator.js';
import { Create } from '../../lib/entity/generic.command.js';
import type { PayloadClass } from '../../lib/entity/payload.class.js';
import type { MessageLog } from '../../lib/log/message.log.js';
import { EntityHandlers } from '../../lib/service/entity/entity.handlers.js';
import { MemoryEntityRepository } from '../../lib/service/entity/memory.entity.repository.js';
import { HandlerTester } from '../../lib/testing/handler.tester.js';
import { fresh, startService } from './service.js';

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
  class LotRepository extends MemoryEntityRepository<Lot> {}

  @Injectable()
  class Lots extends EntityHandlers(Lot, LotRepository) {}

  return { topic, Lot, LotRepository, Lots, providers: [LotRepository, Lots] };
}

/** Somebody who asks, and hears what comes of it. */
export async function testerOn(log: MessageLog, topic: string): Promise<HandlerTester> {
  const tester = await HandlerTester.on(log, [topic], { patience: 10_000 });
  onTestFinished(() => tester.stop());
  return tester;
}

/** A service that handles the generic commands of lots, and somebody who asks it. */
export async function house(log?: MessageLog) {
  const given = lots();
  const service = await startService({ providers: given.providers, log });
  const tester = await testerOn(service.log, given.topic);
  const lot = async (data: object = {}) => {
    const made = await tester.send(Create(given.Lot), { title: 'Moon Jar', ...data });
    expect(made).toMatchObject({ status: 'success' });
    return (made as { value: InstanceType<typeof given.Lot> }).value;
  };
  const send = (command: PayloadClass, payload: unknown) => tester.send(command, payload as never);
  return { ...given, service, tester, lot, send };
}
