import { commandAddressOf } from '../../entity/command-address.decorator.js';
import { entityCommandOf } from '../../entity/generic.command.js';
import { declarationOf, type MethodDeclaration } from './method.declaration.js';

/**
 * Methods in place of those that `EntityHandlers` gave to a class. Decorators are not inherited: without one of its own nobody handles
 * the command, and its clients wait in vain.
 */
export function overrideProblems(owner: { readonly name: string; readonly prototype: object }): string[] {
  return [...methodsOf(owner.prototype)].flatMap(([method, [own, ...replaced]]) => {
    if (own) return [];
    const commands = replaced.find((declaration) => declaration)?.commands ?? [];
    return commands.flatMap(({ payload }) => {
      const bound = payload && entityCommandOf(payload);
      if (!bound) return [];
      const decorator = `@CommandHandler(${bound.verb}(${bound.entity.name}))`;
      return `${owner.name}.${method} takes the place of the method that handles ${commandAddressOf(payload)!.name}, and has no decorator, so nobody would handle it. Write ${decorator} above it; where nobody shall, leave it out of what EntityHandlers is given as "only".`;
    });
  });
}

/** What is declared of the methods of a class, that of the class itself first, then of those that it extends. */
function methodsOf(prototype: object): Map<string, (MethodDeclaration | undefined)[]> {
  const methods = new Map<string, (MethodDeclaration | undefined)[]>();
  for (let at: object = prototype; at && at !== Object.prototype; at = Object.getPrototypeOf(at) as object) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (typeof value === 'function') methods.set(name, [...(methods.get(name) ?? []), declarationOf(value)]);
    }
  }
  return methods;
}
