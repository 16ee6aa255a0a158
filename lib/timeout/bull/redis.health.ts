import { Logger } from '@nestjs/common';
import type { Queue } from 'bull';
import { messageOf } from '../../kafka-socket.error.js';
import { within } from '../bounded.wait.js';

/** Pause between two questions, in milliseconds. */
const INTERVAL = 60_000;
/** How long Redis may be silent before its connection is taken for dead and made anew, in milliseconds. */
const SILENCE = 5_000;
/** How long the first verdict may take, in milliseconds. */
const FIRST_VERDICT = 2_000;

export interface RedisHealthOptions {
  readonly client: Queue['client'];
  /** Host and port, for people. */
  readonly place: string;
  /** Asks Redis something; resolves when it has answered. */
  readonly ask: () => Promise<void>;
  /** Called whenever Redis answers after it did not; the first time too. */
  readonly onReached: () => void;
}

/**
 * Whether Redis can be used, told by its answers and not by its socket: a wrong password, a stopped process and a cut cable all
 * leave sockets that look open. Says so in the log once when it is lost and once when it is back.
 */
export class RedisHealth {
  /** Why Redis cannot be used now; undefined while it can. */
  trouble: string | undefined;
  /** Resolves once it is known for the first time whether Redis can be used; soon in any case. */
  readonly verdict: Promise<void>;
  private readonly logger = new Logger('Timeouts');
  private readonly timer: NodeJS.Timeout;
  private decide!: () => void;
  private reached = false;
  private isLost = false;
  private asking = false;
  private stopped = false;
  private lastError: string | undefined;

  constructor(private readonly options: RedisHealthOptions) {
    const { client, place } = options;
    this.trouble = `Redis at ${place} was not reached yet.`;
    const decided = new Promise<void>((resolve) => (this.decide = resolve));
    this.verdict = within(decided, FIRST_VERDICT, () => new Error()).catch(() =>
      this.lost(`no answer within ${FIRST_VERDICT} ms`),
    );
    client.on('error', this.onError);
    client.on('close', this.onClose);
    client.on('ready', this.question);
    this.timer = setInterval(this.question, INTERVAL);
    if (client.status === 'ready') this.question();
  }

  /** Notes that a command got no answer in time, and finds out whether Redis is there at all. */
  silent(limit: number): void {
    this.lost(`no answer within ${limit} ms`);
    this.question();
  }

  /** Asks and tells no more. Safe to call twice. */
  stop(): void {
    this.stopped = true;
    clearInterval(this.timer);
    this.decide();
    const { client } = this.options;
    client.off('close', this.onClose).off('ready', this.question);
    // The listener for errors stays: without one, ioredis prints those that come while it hangs up.
  }

  private readonly onError = (error: unknown): void => {
    this.lastError = messageOf(error);
  };

  private readonly onClose = (): void => {
    this.lost(this.lastError ?? 'the connection was closed');
    this.lastError = undefined;
  };

  private readonly question = (): void => {
    if (!this.asking && !this.stopped) void this.ask();
  };

  private async ask(): Promise<void> {
    this.asking = true;
    try {
      await within(this.options.ask(), SILENCE, () => new Error(`no answer within ${SILENCE} ms`));
      this.found();
    } catch (error) {
      this.lost(messageOf(error));
      // The other end may be gone without a word, and TCP takes a quarter of an hour to notice.
      if (!this.stopped && this.options.client.status === 'ready') this.options.client.disconnect(true);
    } finally {
      this.asking = false;
    }
  }

  private found(): void {
    if (this.stopped || this.trouble === undefined) return;
    this.trouble = undefined;
    if (this.isLost)
      this.logger.log(`Redis at ${this.options.place} answers${this.reached ? ' again' : ''}: time-outs are armed.`);
    this.isLost = false;
    this.reached = true;
    this.options.onReached();
    this.decide();
  }

  private lost(reason: string): void {
    if (this.stopped) return;
    this.trouble = `Redis at ${this.options.place} cannot be used (${reason}).`;
    if (!this.isLost) {
      this.logger.error(
        `${this.trouble} Requests go on without armed time-outs, and the gateways' own timers end them; delayed commands wait, and none can be scheduled. Trying again until it answers.`,
      );
    }
    this.isLost = true;
    this.decide();
  }
}
