import { BadRequestException, Catch, type ExceptionFilter, Injectable, UseFilters } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { BaseRpcExceptionFilter, RpcException } from '@nestjs/microservices';
import { describe, expect, it } from 'vitest';
import { CommandHandler } from '../lib/service/declaration/command-handler.decorator.js';
import type { Outcome } from '../lib/protocol/outcome.js';
import { bidding, outcomeIn } from './support/bidding.js';

describe('an exception filter', () => {
  class LotClosed extends Error {}

  /** A service whose method throws, under a filter. */
  async function outcomeWith(filter: new () => ExceptionFilter, error: Error, global = false): Promise<Outcome> {
    const { topic, PlaceBid } = bidding();
    @Injectable()
    @UseFilters(...(global ? [] : [filter]))
    class Bidding {
      @CommandHandler(PlaceBid)
      place() {
        throw error;
      }
    }
    const providers = global ? [Bidding, { provide: APP_FILTER, useClass: filter }] : [Bidding];
    return outcomeIn({ providers }, topic);
  }

  @Catch(LotClosed)
  class ClosedFilter implements ExceptionFilter {
    catch(): unknown {
      return { code: 'LOT_CLOSED', message: 'The lot is closed.' };
    }
  }

  it('never makes a success of an error: what it returns with a code is a rejection', async () => {
    const rejection = { status: 'rejected', code: 'LOT_CLOSED', message: 'The lot is closed.' };
    expect(await outcomeWith(ClosedFilter, new LotClosed())).toEqual(rejection);
    expect(await outcomeWith(ClosedFilter, new LotClosed(), true)).toEqual(rejection);
  });

  it('that does not match leaves the error as it is', async () => {
    expect(await outcomeWith(ClosedFilter, new Error('a secret'))).toMatchObject({
      status: 'failed',
      code: 'INTERNAL',
    });
  });

  it('that returns nothing leaves the error as it is', async () => {
    @Catch()
    class Watching implements ExceptionFilter {
      catch(): void {}
    }
    expect(await outcomeWith(Watching, new RpcException({ code: 'A', message: 'b' }))).toEqual({
      status: 'rejected',
      code: 'A',
      message: 'b',
    });
  });

  it('that throws decides by what it throws', async () => {
    @Catch()
    class Translating implements ExceptionFilter {
      catch(): never {
        throw new RpcException({ code: 'LOT_CLOSED', message: 'Too late.' });
      }
    }
    expect(await outcomeWith(Translating, new LotClosed())).toMatchObject({ status: 'rejected', code: 'LOT_CLOSED' });
  });

  it('that states an outcome is taken by its word', async () => {
    @Catch()
    class Stating implements ExceptionFilter {
      catch(): unknown {
        return { status: 'failed', code: 'BANK_AWAY', message: 'Try again tomorrow.', secret: 'x' };
      }
    }
    expect(await outcomeWith(Stating, new LotClosed())).toEqual({
      status: 'failed',
      code: 'BANK_AWAY',
      message: 'Try again tomorrow.',
    });
  });

  it('of @nestjs/microservices answers by an Observable that fails', async () => {
    @Catch()
    class Rpc extends BaseRpcExceptionFilter {}
    expect(await outcomeWith(Rpc, new RpcException({ code: 'A', message: 'b' }))).toMatchObject({
      code: 'A',
      message: 'b',
    });
    expect(await outcomeWith(Rpc, new LotClosed('a secret'))).toEqual({
      status: 'failed',
      code: 'INTERNAL',
      message: 'Internal server error',
    });
  });
});

describe('an HTTP exception', () => {
  it('without a list is a rejection by the name of its status', async () => {
    const { topic, PlaceBid } = bidding();
    @Injectable()
    class Bidding {
      @CommandHandler(PlaceBid)
      place() {
        throw new BadRequestException('Bids end with 0.');
      }
    }
    expect(await outcomeIn({ providers: [Bidding] }, topic)).toEqual({
      status: 'rejected',
      code: 'BAD_REQUEST',
      message: 'Bids end with 0.',
    });
  });
});
