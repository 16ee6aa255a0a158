import { Logger } from '@nestjs/common';
import { messageOf } from '../kafka-socket.error.js';
import { SparingLog } from './sparing.log.js';
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
   * would be a second answer.
   * @returns what `publish` resolves with
   * @throws what `publish` rejects with
   */
  async run<T>(timeout: Timeout, publish: () => Promise<T>): Promise<T> {
    const armed = this.arm(timeout);
    try {
      return await publish();
    } catch (error) {
      if (this.neverSent(error)) {
        await armed; // Else the disarming could overtake it. Bounded, as every call of a scheduler is.
        await this.disarm(timeout);
      }
      throw error;
    }
  }

  private async arm(timeout: Timeout): Promise<void> {
    try {
      await this.scheduler.arm(timeout);
    } catch (error) {
      this.log.warn(`A time-out was not armed; the gateway's own timer holds. ${messageOf(error)}`);
    }
  }

  private async disarm(timeout: Timeout): Promise<void> {
    try {
      await this.scheduler.disarm(timeout.id);
    } catch (error) {
      this.log.warn(`The time-out of a command that never reached the log was not disarmed. ${messageOf(error)}`);
    }
  }
}
