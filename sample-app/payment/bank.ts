import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';

/** How long the bank takes, in milliseconds. */
const BANK_TIME = 400;

/** The bank is out of reach; in a moment it may be there again. */
export class BankAwayError extends Error {}

/** Somebody else's system, as they are: it takes its time, and now and then it is not there. */
@Injectable()
export class Bank {
  /** @throws {BankAwayError} it is out of reach, and nothing was taken */
  async collect(isAway: boolean, signal: AbortSignal): Promise<void> {
    if (isAway) throw new BankAwayError('The bank is out of reach.');
    await pause(BANK_TIME, undefined, { signal });
  }
}
