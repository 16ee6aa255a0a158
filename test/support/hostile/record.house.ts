import { Injectable } from '@nestjs/common';
import { IsInt } from 'class-validator';
import {
  type Command,
  CommandAddress,
  type CommandContext,
  CommandHandler,
  type Event,
  EventEntity,
  type EventContext,
  EventHandler,
  Retry,
} from 'nestjs-kafka-socket';
import { fresh } from '../service.js';

/** Handlers of every kind, which fail at numbers that divide by five, and how often each of them handled a record well. */
export function recordHouse() {
  const topic = fresh('hostile');
  const done = new Map<string, number>();
  const count = { retries: 0 };
  const handle = ({ n }: { n: number }, { place, attempt }: CommandContext | EventContext): number => {
    if (attempt > 1) count.retries++;
    if (n % 5 === 0) throw new Error('it divides by five');
    const at = `${place.partition}@${place.offset}`;
    done.set(at, (done.get(at) ?? 0) + 1);
    return n;
  };
  const twice = { attempts: 2, backoff: { first: 1, maximum: 1 } };

  @CommandAddress(topic, 'Work')
  class Work {
    @IsInt() n!: number;
  }
  @CommandAddress(topic, 'Flaky')
  class Flaky {
    @IsInt() n!: number;
  }
  @CommandAddress(topic, 'Shelved')
  class Shelved {
    @IsInt() n!: number;
  }
  @EventEntity(topic, 'Thing')
  class Thing {
    @IsInt() n!: number;
  }

  @Injectable()
  class Handlers {
    @CommandHandler(Work)
    work({ data }: Command<Work>, context: CommandContext): number {
      return handle(data, context);
    }
    @CommandHandler(Flaky)
    @Retry(twice)
    flaky({ data }: Command<Flaky>, context: CommandContext): number {
      return handle(data, context);
    }
    @CommandHandler(Shelved)
    @Retry({ ...twice, order: 'out-of-order' })
    shelved({ data }: Command<Shelved>, context: CommandContext): number {
      return handle(data, context);
    }
    @EventHandler(Thing, 'Made')
    made({ data }: Event<Thing>, context: EventContext): void {
      handle(data, context);
    }
    @EventHandler(Thing, 'Sold')
    @Retry(twice)
    sold({ data }: Event<Thing>, context: EventContext): void {
      handle(data, context);
    }
    @EventHandler(Thing, 'Lost')
    @Retry({ ...twice, order: 'out-of-order' })
    lost({ data }: Event<Thing>, context: EventContext): void {
      handle(data, context);
    }
  }
  return { topic, Handlers, done, count };
}
