import { Module } from '@nestjs/common';
import { Accounts } from './accounts.js';
import { Database } from './database.js';
import { SqliteInbox } from './sqlite.inbox.js';

@Module({
  providers: [
    { provide: Database, useFactory: () => new Database(process.env['DATABASE'] ?? 'accounts.sqlite') },
    SqliteInbox,
    Accounts,
  ],
  exports: [Accounts],
})
export class AccountsModule {}
