import { NAME, TOPIC_NAME } from '../protocol/names.js';
import { type Entity, eventEntityOf } from './event-entity.decorator.js';
import { InvalidEntityError } from './entity.errors.js';
import type { PayloadClass } from './payload.class.js';
import type { EntityClass } from './versioned.entity.js';

/** Makes what is bound to an entity class once for each class: asked again it gives the same. It ends with the class. */
export class EntityBindings<B extends PayloadClass> {
  private readonly bound = new WeakMap<EntityClass, B>();

  /** @param what as it is written, such as `Create` */
  constructor(
    private readonly what: string,
    private readonly make: (entity: EntityClass, declared: Entity) => B,
  ) {}

  /** @throws {InvalidEntityError} `entity_invalid` */
  of(entity: EntityClass): B {
    const known = this.bound.get(entity);
    if (known) return known;
    const made = this.make(entity, declaredEntity(this.what, entity));
    this.bound.set(entity, made);
    return made;
  }
}

function declaredEntity(what: string, entity: EntityClass | undefined): Entity {
  if (typeof entity !== 'function') {
    throw new InvalidEntityError(
      `${what}() was given ${typeof entity} instead of a class. Two files probably import each other; move the class to a file of its own.`,
    );
  }
  const declared = eventEntityOf(entity);
  if (!declared) {
    throw new InvalidEntityError(
      `${what}(${entity.name}): ${entity.name} says nowhere which topic it belongs to. Write @EventEntity('<topic>', '<Entity>') above class ${entity.name}.`,
    );
  }
  if (!NAME.test(declared.entity) || !TOPIC_NAME.test(declared.topic)) {
    throw new InvalidEntityError(
      `${what}(${entity.name}): an entity ${JSON.stringify(declared.entity)} of topic ${JSON.stringify(declared.topic)} cannot be. Use letters, digits, "_" and "-" only; in a topic "." as well.`,
    );
  }
  return declared;
}

/** An empty class of a name: its instances are what travels. */
export function namedClass(name: string): PayloadClass {
  return { [name]: class {} }[name]!;
}
