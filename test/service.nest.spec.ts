import {
  type CallHandler,
  type CanActivate,
  Controller,
  createParamDecorator,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  ParseIntPipe,
  type PipeTransform,
  Scope,
  UseGuards,
  UseInterceptors,
  UsePipes,
  ValidationPipe,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Ctx, Payload } from '@nestjs/microservices';
import { IsPositive } from 'class-validator';
import { map, type Observable, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Command } from '../lib/message/command.js';
import { CommandAddress } from '../lib/entity/command-address.decorator.js';
import { CommandHandler } from '../lib/service/declaration/command-handler.decorator.js';
import { CommandContext } from '../lib/service/handling/handler.context.js';
import { bidding, outcomeIn } from './support/bidding.js';
import { fresh } from './support/service.js';

const TYPED = fresh('auction');

/** Pipes learn of a parameter's class only where its type has a name of its own. */
@CommandAddress(TYPED, 'PlaceBid')
class TypedBid {
  @IsPositive() amount!: number;
}

describe('parameters', () => {
  it('are filled as @nestjs/microservices decorates them, with pipes that know their class', async () => {
    const metatypes: unknown[] = [];
    const Sub = createParamDecorator(
      (_data: unknown, context: ExecutionContext) => context.switchToRpc().getContext<CommandContext>().user?.['sub'],
    );
    class Remember implements PipeTransform {
      transform(value: unknown, { metatype }: { metatype?: unknown }): unknown {
        metatypes.push(metatype);
        return value;
      }
    }
    @Injectable()
    class Bidding {
      @CommandHandler(TypedBid)
      @UsePipes(Remember)
      place(
        @Payload() bid: TypedBid,
        @Payload('amount', ParseIntPipe) amount: number,
        @Ctx() context: CommandContext,
        @Sub() sub: string,
      ) {
        return [bid instanceof TypedBid, amount, context instanceof CommandContext, sub];
      }
    }

    expect(await outcomeIn({ providers: [Bidding] }, TYPED)).toMatchObject({ value: [true, 5, true, 'ann'] });
    expect(metatypes).toContain(TypedBid);
    expect(metatypes).toContain(Number);
  });

  it("make a ValidationPipe's list of a BadRequestException an invalid outcome", async () => {
    const { topic, PlaceBid } = bidding();
    class Stricter {
      @IsPositive() more!: number;
    }
    @Injectable()
    class Bidding {
      @CommandHandler(PlaceBid)
      @UsePipes(new ValidationPipe())
      place(@Payload() bid: Stricter) {
        return bid;
      }
    }

    expect(await outcomeIn({ providers: [Bidding] }, topic)).toEqual({
      status: 'invalid',
      errors: [{ path: '', constraints: ['more must be a positive number'] }],
    });
  });
});

describe('a guard', () => {
  class Nobody implements CanActivate {
    canActivate(): boolean {
      return false;
    }
  }
  const forbidden = { status: 'rejected', code: 'FORBIDDEN', message: 'Forbidden resource' };

  it('on the method turns a command away, and sees the validated command and its context', async () => {
    const { topic, PlaceBid } = bidding();
    let seen: unknown[] = [];
    @Injectable()
    class Watching implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        const rpc = context.switchToRpc();
        const { data } = rpc.getData<Command>();
        seen = [
          context.getType(),
          context.getClass().name,
          data instanceof PlaceBid,
          rpc.getContext<CommandContext>().user,
        ];
        return false;
      }
    }
    @Injectable()
    class Bidding {
      @CommandHandler(PlaceBid)
      @UseGuards(Watching)
      place() {}
    }

    expect(await outcomeIn({ providers: [Bidding] }, topic)).toEqual(forbidden);
    expect(seen).toEqual(['rpc', 'Bidding', true, { sub: 'ann' }]);
  });

  it('of a controller applies', async () => {
    const { topic, PlaceBid } = bidding();
    @Controller()
    @UseGuards(Nobody)
    class Bidding {
      @CommandHandler(PlaceBid)
      place() {}
    }

    expect(await outcomeIn({ controllers: [Bidding] }, topic)).toEqual(forbidden);
  });

  it('of a class under a token of its own applies', async () => {
    const { topic, PlaceBid } = bidding();
    @UseGuards(Nobody)
    class Bidding {
      @CommandHandler(PlaceBid)
      place() {}
    }

    expect(await outcomeIn({ providers: [{ provide: 'BIDDING', useClass: Bidding }] }, topic)).toEqual(forbidden);
  });

  it.each([Scope.DEFAULT, Scope.REQUEST, Scope.TRANSIENT])(
    'for the whole application applies, in scope %i',
    async (scope) => {
      const { topic, PlaceBid } = bidding();
      @Injectable()
      class Bidding {
        @CommandHandler(PlaceBid)
        place() {}
      }
      const guard = { provide: APP_GUARD, useClass: Nobody, scope };

      expect(await outcomeIn({ providers: [Bidding, guard] }, topic)).toEqual(forbidden);
    },
  );
});

describe('an interceptor', () => {
  it('changes what becomes the result, also of a method that returns an Observable', async () => {
    const { topic, PlaceBid } = bidding();
    class Doubling implements NestInterceptor {
      intercept(_context: ExecutionContext, next: CallHandler<number>): Observable<number> {
        return next.handle().pipe(map((value) => value * 2));
      }
    }
    @Injectable()
    class Bidding {
      @CommandHandler(PlaceBid)
      @UseInterceptors(Doubling)
      place(): Observable<number> {
        return of(20, 21);
      }
    }

    expect(await outcomeIn({ providers: [Bidding] }, topic)).toEqual({ status: 'success', value: 42 });
  });
});
