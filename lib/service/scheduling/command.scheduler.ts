import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { atMost } from '../../log/at-most.js';
import type { Command } from '../../message/command.js';
import { messageId } from '../../message/message.id.js';
import { scheduledCommand } from '../../message/scheduled.command.js';
import { type Delayed, delayedId } from '../../timeout/delayed.js';
import { LAST_MOMENT, nextTime, type Recurrence } from '../../timeout/recurrence.js';
import { TIMEOUT_SCHEDULER } from '../../timeout/timeout.constants.js';
import { DelayRefusedError } from '../../timeout/timeout.errors.js';
import type { TimeoutScheduler } from '../../timeout/timeout.scheduler.js';
import type { WaitingRecord } from '../../timeout/waiting.js';
import { HandlingScope } from '../handling/handling.scope.js';
import { outgoing } from '../publishing/outgoing.record.js';
import { stamped } from '../../tracing/send.span.js';
import { ServiceOptions } from '../service.options.js';
import { dueAt, length } from './due.time.js';
import type { ScheduledCommand, ScheduleOptions, SendEveryOptions, SendLaterOptions } from './scheduling.options.js';

/** How long those who schedule while the application starts wait for the scheduler to be reached, in milliseconds. */
const FIRST_CONTACT = 10_000;

/** A command and the topic that it belongs to. */
export interface AddressedCommand {
  readonly topic: string;
  readonly command: Command;
  /** The order that matters, where neither the caller nor a record that is being handled says. */
  readonly key?: string;
}

/** Has commands sent when their time comes. */
@Injectable()
export class CommandScheduler {
  private waited?: Promise<void>;

  constructor(
    private readonly scope: HandlingScope,
    private readonly options: ServiceOptions,
    @Inject(TIMEOUT_SCHEDULER) private readonly scheduler: TimeoutScheduler,
  ) {}

  /** See `MessagePublisher.sendLater`. */
  async once(addressed: AddressedCommand, options: SendLaterOptions): Promise<ScheduledCommand> {
    await this.start();
    return this.schedule(addressed, options, dueAt(options, this.now));
  }

  /** See `MessagePublisher.sendEvery`. */
  async every(addressed: AddressedCommand, options: SendEveryOptions): Promise<ScheduledCommand> {
    if (options.id === undefined)
      throw new DelayRefusedError('A command that comes again needs an "id": nothing else could end it.');
    const repeat = recurrenceOf(options);
    await this.start();
    return this.schedule(addressed, options, nextTime(repeat, this.now()), repeat);
  }

  /** See `MessagePublisher.cancelLater`. */
  async cancel(id: string): Promise<boolean> {
    const slot = this.slotOf(id);
    const wasHeld = this.scope.handling?.outbox?.drop(slot) ?? false;
    await this.start();
    return (await this.scheduler.cancel(slot)) || wasHeld;
  }

  private readonly now = (): number => this.scheduler.now();

  /** Applications schedule while they start, and Redis is reached some moments later. Where it is not, the wait is over for everybody. */
  private async start(): Promise<void> {
    if (this.scheduler.trouble === undefined) return;
    this.waited ??= atMost(FIRST_CONTACT, this.scheduler.reached);
    await this.waited;
  }

  private async schedule(
    addressed: AddressedCommand,
    options: ScheduleOptions,
    due: number,
    repeat?: Recurrence,
  ): Promise<ScheduledCommand> {
    const { id = messageId(), replace = false, now = false } = options;
    const slot = this.slotOf(id);
    const record = this.recordOf(addressed, options, { id: delayedId(slot, due), due });
    const delayed: Delayed = { id: delayedId(slot, due), deadline: due, slot, record, ...(repeat && { repeat }) };
    const { record: _record, ...delay } = { ...delayed, replace };
    if (!now && this.scope.handling?.outbox?.hold({ ...record, delay })) return { id, due, state: 'held' };
    return { id, ...(await this.scheduler.schedule(delayed, { replace })) };
  }

  private recordOf(
    { topic, command, key: usual }: AddressedCommand,
    { key, ttl }: ScheduleOptions,
    { id, due }: { id: string; due: number },
  ): WaitingRecord {
    const schedule = {
      id,
      due,
      ...(ttl !== undefined && { ttl: length('ttl', ttl, { from: 1, to: LAST_MOMENT - due }) }),
    };
    const message = scheduledCommand(this.scope.message, `/${this.options.name}`, command, schedule);
    // Never without a key: the same command, published twice, must come to the same partition.
    const place = { topic, key: keepable(key ?? usual) ?? this.keyOfHandled() ?? id };
    const record = stamped(outgoing(message, place)) as WaitingRecord;
    this.checkSize(record, command.name);
    return record;
  }

  private keyOfHandled(): string | undefined {
    const key = this.scope.handling?.record.key;
    if (!key) return undefined;
    const text = key.toString();
    if (key.equals(Buffer.from(text))) return text;
    throw new DelayRefusedError('The key of the record being handled is no text, and cannot be kept. Give "key".');
  }

  private checkSize({ value, headers }: WaitingRecord, name: string): void {
    const { maxDelayedBytes } = this.options;
    const size = Buffer.byteLength(value) + Buffer.byteLength(JSON.stringify(headers));
    if (size <= maxDelayedBytes) return;
    throw new DelayRefusedError(
      `"${name}" takes ${size} bytes, and ${maxDelayedBytes} are the most that the option "handlers.maxDelayedBytes" lets wait. ` +
        'Send what the data is found by instead.',
    );
  }

  private slotOf(id: unknown): string {
    if (typeof id !== 'string' || id === '') throw new DelayRefusedError('The "id" of a delayed command is no text.');
    return createHash('sha256').update(`${this.options.name}\0${id}`).digest('hex').slice(0, 32);
  }
}

/** A `key` as it can be kept; anything else would come back from Redis as something that no worker knows. */
function keepable(key: unknown): string | undefined {
  if (key === undefined || typeof key === 'string') return key;
  throw new DelayRefusedError('The "key" of a delayed command is no text.');
}

function recurrenceOf(options: Recurrence): Recurrence {
  const { every, cron, tz } = options as { every?: number; cron?: string; tz?: string };
  if ((every === undefined) === (cron === undefined))
    throw new DelayRefusedError('A command that comes again needs one of "every" and "cron", and not both.');
  return every === undefined ? { cron: cron!, ...(tz !== undefined && { tz }) } : { every };
}
