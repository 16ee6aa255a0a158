import { describe, expect, it } from 'vitest';
import type { Command } from '../lib/message/command.js';
import type { Outcome } from '../lib/protocol/outcome.js';
import { CommandAddress } from '../lib/entity/command-address.decorator.js';
import { CommandHandler } from '../lib/service/declaration/command-handler.decorator.js';
import type { InvalidHandlerError } from '../lib/service/service.errors.js';
import { buildService } from './support/service.js';

interface Receipt {
  readonly receipt: string;
}

describe('onLate that names', () => {
  class Pay {}
  CommandAddress('till')(Pay);

  async function problems(provider: new (...args: never[]) => object): Promise<readonly string[]> {
    const { runner } = await buildService({ providers: [provider] });
    try {
      runner.explore();
      return [];
    } catch (error) {
      return (error as InvalidHandlerError).problems;
    }
  }

  it('no method, or a handler, stops the start; types say so before', async () => {
    class None {
      // @ts-expect-error -- there is no such method
      @CommandHandler(Pay, { onLate: 'undo' })
      pay() {}
    }
    class Itself {
      // @ts-expect-error -- it takes a command
      @CommandHandler(Pay, { onLate: 'pay' })
      pay(_command: Command<Pay>) {}
    }
    class Other {
      // @ts-expect-error -- it takes another outcome
      @CommandHandler(Pay, { onLate: 'undo' })
      pay(): Receipt {
        return { receipt: 'r' };
      }
      undo(_outcome: Outcome<number>) {}
    }

    expect(await problems(None)).toEqual([
      `None.pay: onLate is "undo", and class None has no method of that name. Write one, such as refund(outcome, context) { … }, and name it: onLate: 'refund'.`,
    ]);
    expect(await problems(Itself)).toEqual([
      'Itself.pay: onLate is "pay", which handles messages itself and would take an outcome for one. Write a method of its own for it.',
    ]);
    expect(await problems(Other)).toEqual([]);
  });
});
