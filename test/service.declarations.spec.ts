import { type CanActivate, Injectable, Module, UseGuards } from '@nestjs/common';
import { CommandHandler as CqrsCommandHandler, EventsHandler as CqrsEventsHandler } from '@nestjs/cqrs';
import { of, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Command } from '../lib/message/command.js';
import type { Event } from '../lib/message/event.js';
import { CommandAddress } from '../lib/entity/command-address.decorator.js';
import { CommandHandler, KafkaCommandHandler } from '../lib/service/declaration/command-handler.decorator.js';
import { EventEntity } from '../lib/entity/event-entity.decorator.js';
import { EventHandler } from '../lib/service/declaration/event-handler.decorator.js';
import { EventPublisher, KafkaEventPublisher } from '../lib/service/declaration/event-publisher.decorator.js';
import { InvalidHandlerError } from '../lib/service/service.errors.js';
import { buildService, startService, type TestServiceOptions } from './support/service.js';

@CommandAddress('auction')
class PlaceBid {
  amount!: number;
}

@EventEntity('auction', 'Bid')
class BidEvent {
  amount!: number;
}

class Homeless {
  text!: string;
}

/** What a service that is declared so says when it starts. */
async function problemsOf(given: TestServiceOptions): Promise<readonly string[]> {
  const { runner } = await buildService(given);
  try {
    runner.explore();
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidHandlerError);
    expect(error).toMatchObject({ code: 'handler_invalid' });
    return (error as InvalidHandlerError).problems;
  }
  return [];
}

describe('a wrong declaration stops the start and says how to mend it:', () => {
  it('two handlers for one command', async () => {
    class Bidding {
      @CommandHandler(PlaceBid)
      place() {}
      @CommandHandler(PlaceBid)
      placeAgain() {}
    }
    expect(await problemsOf({ providers: [Bidding] })).toEqual([
      'The command PlaceBid of topic auction is handled by Bidding.place and Bidding.placeAgain. A command has one handler: remove the others.',
    ]);
  });

  it('one class in two modules', async () => {
    class Bidding {
      @CommandHandler(PlaceBid)
      place() {}
      @EventHandler(BidEvent, 'Created')
      onBid() {}
    }
    @Module({ providers: [Bidding] })
    class One {}
    @Module({ providers: [Bidding] })
    class Two {}
    expect(await problemsOf({ imports: [One, Two] })).toEqual([
      expect.stringMatching(
        /^Bidding.place exists in the modules One and Two, .* Provide the class in one module, export it/,
      ),
      expect.stringMatching(/^Bidding.onBid exists in the modules One and Two/),
    ]);
  });

  it('one decorator twice', async () => {
    class Bidding {
      @EventHandler(BidEvent, 'Created')
      @EventHandler(BidEvent, 'Created')
      onBid() {}
    }
    expect(await problemsOf({ providers: [Bidding] })).toEqual([
      expect.stringMatching(/^Bidding.onBid is declared more than once for the event Bid.Created/),
    ]);
  });

  it('a class without an address, or about no entity', async () => {
    class Bidding {
      @CommandHandler(Homeless)
      place() {}
      @CommandHandler(BidEvent)
      mixedUp() {}
      @EventHandler(Homeless, 'Created')
      @EventPublisher(Homeless, 'Moved')
      on(): Homeless | undefined {
        return undefined;
      }
    }
    expect(await problemsOf({ providers: [Bidding] })).toEqual([
      "Bidding.place: @CommandHandler(Homeless) has no address. Write @CommandAddress('<topic>') above class Homeless.",
      "Bidding.mixedUp: @CommandHandler(BidEvent) has no address. Write @CommandAddress('<topic>') above class BidEvent. It has @EventEntity: to handle events, use @EventHandler.",
      "Bidding.on: @EventHandler(Homeless, …) is about no entity. Write @EventEntity('<topic>', '<Entity>') above class Homeless.",
      "Bidding.on: @EventPublisher(Homeless, …) is about no entity. Write @EventEntity('<topic>', '<Entity>') above class Homeless.",
    ]);
  });

  it('an address that is inherited', async () => {
    class Bigger extends PlaceBid {}
    class Bidding {
      @CommandHandler(Bigger)
      place() {}
    }
    expect(await problemsOf({ providers: [Bidding] })).toEqual([expect.stringContaining('above class Bigger')]);
  });

  it('a class that is not there yet, because two files import each other', async () => {
    class Bidding {
      @CommandHandler(undefined as never)
      place() {}
    }
    expect(await problemsOf({ providers: [Bidding] })).toEqual([
      expect.stringMatching(/^Bidding.place: @CommandHandler\(\) was given undefined .* import each other/),
    ]);
  });

  it('names that no header and no topic can have', async () => {
    @CommandAddress('au/ction', 'Place.Bid')
    class Odd {}
    @EventEntity('a'.repeat(246), '')
    class Nothing {}
    class Bidding {
      @CommandHandler(Odd)
      place() {}
      @EventHandler(Nothing, 'was created')
      on() {}
    }
    const problems = await problemsOf({ providers: [Bidding] });
    expect(problems).toHaveLength(5);
    expect(problems.join('\n')).toMatch(/class Odd: "au\/ction" cannot be a topic. Use at most 245 letters/);
    expect(problems.join('\n')).toMatch(/class Odd, command: "Place.Bid" cannot be a name./);
    expect(problems.join('\n')).toMatch(/Bidding.on, event type: "was created" cannot be a name./);
  });

  it('an event that nobody would ever publish', async () => {
    class Bidding {
      @EventPublisher(BidEvent, 'Created')
      place(): BidEvent {
        return { amount: 1 };
      }
    }
    expect(await problemsOf({ providers: [Bidding] })).toEqual([
      expect.stringMatching(/^Bidding.place has @EventPublisher, but nothing calls it .* inject MessagePublisher/),
    ]);
  });

  it('a method for commands and for events', async () => {
    class Bidding {
      @CommandHandler(PlaceBid)
      @EventHandler(BidEvent, 'Created')
      both() {}
    }
    expect(await problemsOf({ providers: [Bidding] })).toEqual([
      expect.stringMatching(/^Bidding.both has both @CommandHandler and @EventHandler. Write two methods/),
    ]);
  });

  it('a way to reply that there is not', async () => {
    class Bidding {
      @CommandHandler(PlaceBid, { reply: 'never' as never })
      place() {}
    }
    expect(await problemsOf({ providers: [Bidding] })).toEqual([
      `Bidding.place: reply is "never". It can be 'result' or 'later'.`,
    ]);
  });

  it('a static method', async () => {
    class Bidding {
      @CommandHandler(PlaceBid)
      static place() {}
      find() {}
    }
    expect(await problemsOf({ providers: [Bidding] })).toEqual([
      'Bidding.place is static, so Nest cannot call it with its dependencies. Remove "static".',
    ]);
  });

  it('a property that is no method', () => {
    expect(() => {
      class Bidding {
        // @ts-expect-error: the compiler says so first
        @CommandHandler(PlaceBid)
        place = () => undefined;
      }
      return Bidding;
    }).toThrow(/Bidding.place is no method, so @CommandHandler cannot call it. Write it as a method/);
  });

  it('a guard that Nest would leave out without a word', async () => {
    class Guard implements CanActivate {
      canActivate() {
        return false;
      }
    }
    @UseGuards(Guard)
    class Bidding {
      @CommandHandler(PlaceBid)
      place() {}
    }
    expect(await problemsOf({ providers: [{ provide: 'B', useFactory: () => new Bidding() }] })).toEqual([
      expect.stringMatching(
        /^Bidding.place: @UseGuards\(Guard\) would not apply, because Bidding is provided by useFactory/,
      ),
    ]);
  });

  it('a decorator of @nestjs/cqrs on a method, which it silently accepts', async () => {
    class Bidding {
      @(CqrsCommandHandler(PlaceBid) as MethodDecorator)
      place() {}
    }
    class Projection {
      @(CqrsEventsHandler(BidEvent) as MethodDecorator)
      onBid() {}
    }
    expect(await problemsOf({ providers: [Bidding, Projection] })).toEqual([
      'Bidding.place: a method has @CommandHandler of @nestjs/cqrs, which does nothing there; @CommandHandler of this package was meant. Import it from nestjs-kafka-socket; where a file needs both, KafkaCommandHandler and KafkaEventPublisher are the same by another name.',
      expect.stringMatching(/^Projection.onBid: a method has @EventsHandler of @nestjs\/cqrs/),
    ]);
  });

  it('a class handler of @nestjs/cqrs for a command that comes over Kafka', async () => {
    @CqrsCommandHandler(PlaceBid)
    class PlaceBidHandler {
      execute() {}
    }
    expect(await problemsOf({ providers: [PlaceBidHandler] })).toEqual([
      expect.stringMatching(
        /^PlaceBidHandler.execute: .*@CommandHandler\(PlaceBid\) of @nestjs\/cqrs, so the command PlaceBid of topic auction never reaches it/,
      ),
    ]);

    class Bidding {
      @KafkaCommandHandler(PlaceBid)
      @KafkaEventPublisher(BidEvent, 'Created')
      place({ data }: Command<PlaceBid>) {
        return data;
      }
    }
    expect(await problemsOf({ providers: [PlaceBidHandler, Bidding] })).toEqual([]);
  });

  it('and all that is wrong comes at once, before any broker is asked', async () => {
    class Bidding {
      @CommandHandler(Homeless)
      place() {}
      @EventPublisher(BidEvent, 'Created')
      publish(): BidEvent {
        return { amount: 1 };
      }
    }
    const { runner } = await buildService({ providers: [Bidding] });
    expect(() => runner.explore()).toThrow(/^Handlers are declared wrongly:\n- Bidding.place.*\n- Bidding.publish/);
    await expect(runner.start()).rejects.toMatchObject({ code: 'handler_invalid' });
  });
});

describe('an application without handlers', () => {
  it('joins no group and is in no trouble', async () => {
    const { runner } = await startService({ providers: [{ provide: 'A', useValue: Object.create(null) }] });
    expect(runner.topics).toEqual([]);
    expect(runner.trouble).toBeUndefined();
  });
});

/** What the compiler says; nothing here runs. */
@Injectable()
export class Typed {
  @CommandHandler(PlaceBid) decorated(bid: PlaceBid) {
    return bid;
  }
  @CommandHandler(PlaceBid) optional(command?: Command<PlaceBid>) {
    return command;
  }
  // @ts-expect-error: the command carries another class
  @CommandHandler(PlaceBid) another(command: Command<Homeless>) {
    return command;
  }
  // @ts-expect-error: the event carries another class
  @EventHandler(BidEvent, 'Created') anotherEvent(event: Event<Homeless>) {
    return event;
  }
  @EventPublisher(BidEvent, 'Created') observable(): Observable<BidEvent> {
    return of({ amount: 1 });
  }
  @EventPublisher(BidEvent, 'Created') async more(): Promise<{ amount: number; more: string } | undefined> {
    return Promise.resolve(undefined);
  }
  // @ts-expect-error: not the data of the event
  @EventPublisher(BidEvent, 'Created') anotherReturn(): Promise<Homeless> {
    return Promise.resolve(new Homeless());
  }
  // @ts-expect-error: nothing to publish
  @EventPublisher(BidEvent, 'Created') nothing(): void {}
}
