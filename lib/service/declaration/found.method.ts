import type { Host } from '../handling/handler.invoker.js';
import type { MethodDeclaration } from './method.declaration.js';

/** A method of a provider or controller that has some of our decorators. */
export interface FoundMethod {
  readonly host: Host;
  /** The class of the instance; the method may be inherited. */
  readonly owner: { readonly name: string };
  readonly name: string;
  readonly method: object;
  readonly declaration: MethodDeclaration;
}

/** Another method of the same class. */
export function methodNamed({ host }: Pick<FoundMethod, 'host'>, name: string): object | undefined {
  const method = (host.instance as Record<string, unknown>)[name];
  return typeof method === 'function' ? method : undefined;
}

/** Class and method, such as `Bidding.place`. */
export function labelOf({ owner, name }: Pick<FoundMethod, 'owner' | 'name'>): string {
  return `${owner.name}.${name}`;
}
