import { Logger } from '@nestjs/common';
import { messageOf } from '../kafka-socket.error.js';
import { SparingLog } from './sparing.log.js';
import { TimeoutsUnavailableError, TimeoutStillArmedError } from './timeout.errors.js';
import type { Timeout, TimeoutScheduler } from './timeout.scheduler.js';

/** Whether an error of publishing proves that the log has not got the record and never will. */
export type NeverSent = (error: unknown) => boolean;

const saysNotSent: NeverSent = (error) =>
  typeof error === 'object' && error !== null && (error as { sent?: unknown }).sent === false;

/** The way in: a command goes into the log, and a time-out is armed beside it. */
export class ArmingInterceptor {
  private readonly log = new SparingLog(new Logger('Timeouts'));

  /** @param neverSent by default an error whose `sent` is false, as `LogUnavailableError` has it */
  constructor(
    private readonly scheduler: Pick<TimeoutScheduler, 'arm' | 'disarm'>,
    private readonly neverSent: NeverSent = saysNotSent,
  ) {}

  /**
   * Arms and publishes side by side, and is done as soon as the log has the command: nobody waits for the arming. Where
   * that fails the gateway's backstop holds, so it is only logged.
   *
   * A command that certainly never reached the log is disarmed first: what rejects then is final, and a time-out after it
   * would be a second answer. Where it fired already, or Redis cannot tell, the answer is left to the log.
   * @returns what `publish` resolves with
   * @throws what `publish` rejects with
   * @throws {TimeoutStillArmedError} `timeout_still_armed`: the command is not in the log, but its time-out may be, or may come
   */
  async run<T>(timeout: Timeout, publish: () => Promise<T>): Promise<T> {
    const armed = this.arm(timeout);
    try {
      return await publish();
    } catch (error) {
      // The arming first, else the disarming could overtake it. Bounded, as every call of a scheduler is.
      if (!this.neverSent(error) || (await armed) === 'refused' || (await this.disarm(timeout))) throw error;
      throw new TimeoutStillArmedError(
        'The command never reached the log, but its time-out could not be taken back, so that ends the request.',
        { cause: error },
      );
    }
  }

  private async arm(timeout: Timeout): Promise<'armed' | 'in doubt' | 'refused'> {
    try {
      await this.scheduler.arm(timeout);
      return 'armed';
    } catch (error) {
      this.log.warn(`A time-out was not armed; the gateway's own timer holds. ${messageOf(error)}`);
      return error instanceof TimeoutsUnavailableError && !error.sent ? 'refused' : 'in doubt';
    }
  }

  private async disarm(timeout: Timeout): Promise<boolean> {
    try {
      return await this.scheduler.disarm(timeout.id);
    } catch (error) {
      this.log.warn(`The time-out of a command that never reached the log was not disarmed. ${messageOf(error)}`);
      return false;
    }
  }
}
