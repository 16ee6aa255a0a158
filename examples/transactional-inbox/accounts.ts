import { Injectable, type OnModuleInit } from '@nestjs/common';
import { IsInt, IsPositive, IsString } from 'class-validator';
import {
  type Command,
  CommandAddress,
  CommandHandler,
  CommandRejectedError,
  EventEntity,
  EventPublisher,
} from 'nestjs-kafka-socket';
import { Database } from './database.js';

@CommandAddress('accounts', 'Transfer')
export class Transfer {
  @IsString() from!: string;
  @IsString() to!: string;
  @IsInt() @IsPositive() amount!: number;
}

@EventEntity('accounts', 'Transfer')
export class TransferEvent {
  from!: string;
  to!: string;
  amount!: number;
}

/** Accounts in the database, and transfers between them. What a handler writes here is in the transaction of the inbox. */
@Injectable()
export class Accounts implements OnModuleInit {
  constructor(private readonly database: Database) {}

  onModuleInit(): void {
    this.database.define(`
      CREATE TABLE IF NOT EXISTS account (name TEXT PRIMARY KEY, balance INTEGER NOT NULL);
      INSERT OR IGNORE INTO account VALUES ('ann', 100), ('bob', 100);`);
  }

  balance(name: string): number {
    const account = this.database.get('SELECT balance FROM account WHERE name = ?', name);
    return (account as { balance: number } | undefined)?.balance ?? 0;
  }

  @CommandHandler(Transfer)
  @EventPublisher(TransferEvent, 'Made')
  async transfer({ data: { from, to, amount } }: Command<Transfer>): Promise<TransferEvent> {
    this.database.run('UPDATE account SET balance = balance - ? WHERE name = ?', amount, from);
    this.database.run('UPDATE account SET balance = balance + ? WHERE name = ?', amount, to);
    // Thrown after the effect: the inbox undoes it.
    if (this.balance(from) < 0) throw new CommandRejectedError('NO_MONEY', `${from} does not have ${amount}.`);
    return { from, to, amount };
  }
}
