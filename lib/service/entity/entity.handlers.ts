import { Inject, type InjectionToken } from '@nestjs/common';
import { Create, Delete, type EntityPage, type EntityVerb, Get, List, Update } from '../../entity/generic.command.js';
import type { EntityClass, EntityVersion, VersionedEntity } from '../../entity/versioned.entity.js';
import type { Command } from '../../message/command.js';
import { CommandHandler } from '../declaration/command-handler.decorator.js';
import { InvalidHandlerError } from '../service.errors.js';
import type { CommandContext } from '../handling/handler.context.js';
import type { EntityRepository } from './entity.repository.js';
import { VersionedStore } from './versioned.store.js';

/** Which of the generic commands are handled. */
export interface EntityHandlersOptions {
  /** Left out ones are handled by nobody, unless by a method of your own. @default all five */
  readonly only?: readonly EntityVerb[];
}

/** The methods that {@link EntityHandlers} gives to a class. */
export interface EntityHandling<T extends VersionedEntity> {
  /** The rules of the generic commands, for methods of your own. */
  readonly store: VersionedStore<T>;
  create(command: Command<Create<T>>, context: CommandContext): Promise<T>;
  update(command: Command<Update<T>>, context: CommandContext): Promise<T>;
  delete(command: Command<Delete<T>>, context: CommandContext): Promise<EntityVersion<T>>;
  get(command: Command<Get<T>>, context: CommandContext): Promise<T>;
  list(command: Command<List<T>>, context: CommandContext): Promise<EntityPage<T>>;
}

const METHODS = { Create, Update, Delete, Get, List } as const;

/**
 * A class that handles the generic commands of an entity: extend it, and provide that. Guards, interceptors, pipes and filters stand
 * above your class, or above a method that you write yourself, which needs its own `@CommandHandler` and may call `super`.
 *
 * @param entity a class with `@EventEntity`
 * @param repository the class, or token, of the provider that keeps the entities: an {@link EntityRepository}
 * @throws {InvalidEntityError} `entity_invalid`
 *
 * @example
 * ```ts
 * @Injectable()
 * @UseGuards(Members)
 * export class Lots extends EntityHandlers(Lot, LotRepository) {}
 * ```
 */
export function EntityHandlers<T extends VersionedEntity>(
  entity: EntityClass<T>,
  repository: InjectionToken<EntityRepository<T>>,
  { only = ['Create', 'Update', 'Delete', 'Get', 'List'] }: EntityHandlersOptions = {},
): new (repository: EntityRepository<T>) => EntityHandling<T> {
  class Handlers implements EntityHandling<T> {
    readonly store: VersionedStore<T>;

    constructor(@Inject(repository) kept: EntityRepository<T>) {
      this.store = new VersionedStore(entity, kept);
    }

    create({ data }: Command<Create<T>>, { message }: CommandContext): Promise<T> {
      return this.store.create(data, message.id);
    }

    update({ data }: Command<Update<T>>, _context: CommandContext): Promise<T> {
      return this.store.update(data);
    }

    delete({ data }: Command<Delete<T>>, _context: CommandContext): Promise<EntityVersion<T>> {
      return this.store.delete(data);
    }

    get({ data }: Command<Get<T>>, _context: CommandContext): Promise<T> {
      return this.store.get(data);
    }

    list({ data }: Command<List<T>>, _context: CommandContext): Promise<EntityPage<T>> {
      return this.store.list(data);
    }
  }
  for (const verb of new Set(only)) handle(Handlers.prototype, verb, entity);
  return Handlers;
}

/** As the decorator above a method would. */
function handle(prototype: object, verb: EntityVerb, entity: EntityClass): void {
  const command = METHODS[verb] as (typeof METHODS)[EntityVerb] | undefined;
  if (!command) {
    throw new InvalidHandlerError([
      `EntityHandlers(${entity.name}): only holds ${JSON.stringify(verb)}. It can hold ${Object.keys(METHODS).join(', ')}.`,
    ]);
  }
  const name = verb.toLowerCase();
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name) as TypedPropertyDescriptor<never>;
  (CommandHandler(command(entity)) as MethodDecorator)(prototype, name, descriptor);
}
