import { Injectable } from '@nestjs/common';
import {
  type Command,
  type CommandContext,
  CommandHandler,
  CommandRejectedError,
  EventPublisher,
} from 'nestjs-kafka-socket';
import { GetReserve, SetReserve } from './auction.commands.js';
import { lotKey, ReserveEvent } from './auction.events.js';
import { Lots } from './lots.js';
import { SaleHistory } from './sale.history.js';

/** Keeps the reserves. Their events leave the house as metadata only, so a client that wants the amount has to ask. */
@Injectable()
export class Reserves {
  constructor(
    private readonly lots: Lots,
    private readonly history: SaleHistory,
  ) {}

  @CommandHandler(SetReserve)
  @EventPublisher(ReserveEvent, 'Changed', { key: lotKey })
  set({ data: { lot, amount } }: Command<SetReserve>, { message }: CommandContext): ReserveEvent {
    this.lots.setReserve(lot, amount, message.id);
    return { lot, amount };
  }

  @CommandHandler(GetReserve)
  async get({ data: { lot } }: Command<GetReserve>): Promise<ReserveEvent> {
    await this.history.known();
    const amount = this.lots.reserve(lot);
    if (amount === undefined) throw new CommandRejectedError('NO_RESERVE', `Lot ${lot} has no reserve.`);
    return { lot, amount };
  }
}
