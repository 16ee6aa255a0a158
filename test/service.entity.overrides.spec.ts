import { Injectable } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { Update } from '../lib/entity/generic.command.js';
import { CommandHandler } from '../lib/service/declaration/command-handler.decorator.js';
import { EntityHandlers } from '../lib/service/entity/entity.handlers.js';
import { lots } from './support/lots.js';
import { buildService } from './support/service.js';

describe('a method in place of one that EntityHandlers gave', () => {
  it('stops the start where it has no decorator: nobody would handle its command, and clients would wait in vain', async () => {
    const { Lot, LotRepository } = lots();
    @Injectable()
    class Lots extends EntityHandlers(Lot, LotRepository) {
      override update(...given: Parameters<InstanceType<ReturnType<typeof base>>['update']>) {
        return super.update(...given);
      }
    }
    const base = () => EntityHandlers(Lot, LotRepository);
    const { runner } = await buildService({ providers: [LotRepository, Lots] });

    expect(() => runner.explore()).toThrow(
      /Lots\.update takes the place of the method that handles UpdateLot.*@CommandHandler\(Update\(Lot\)\)/,
    );
  });

  it('is no fault where a class further down has one, or where the command is left out', async () => {
    const { Lot, LotRepository } = lots();
    const base = () => EntityHandlers(Lot, LotRepository, { only: ['Update', 'Get'] });
    class Between extends base() {
      override update(...given: Parameters<InstanceType<ReturnType<typeof base>>['update']>) {
        return super.update(...given);
      }
      override delete(): never {
        throw new Error('Lots stay.');
      }
    }
    @Injectable()
    class Lots extends Between {
      @CommandHandler(Update(Lot))
      override update(...given: Parameters<InstanceType<ReturnType<typeof base>>['update']>) {
        return super.update(...given);
      }
    }
    const { runner } = await buildService({ providers: [LotRepository, Lots] });

    const names = runner.explore().handlers.map(({ name }) => name);

    expect(names.sort()).toEqual(['GetLot', 'UpdateLot']);
  });
});
