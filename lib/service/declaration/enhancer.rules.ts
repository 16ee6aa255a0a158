import {
  EXCEPTION_FILTERS_METADATA,
  GUARDS_METADATA,
  INTERCEPTORS_METADATA,
  PIPES_METADATA,
} from '@nestjs/common/constants.js';
import { type FoundMethod, labelOf } from './found.method.js';

const DECORATORS: ReadonlyMap<string, string> = new Map([
  [GUARDS_METADATA, 'UseGuards'],
  [INTERCEPTORS_METADATA, 'UseInterceptors'],
  [PIPES_METADATA, 'UsePipes'],
  [EXCEPTION_FILTERS_METADATA, 'UseFilters'],
]);

/**
 * Guards, interceptors, pipes and filters that Nest would skip without a word: it makes instances of them for classes that
 * it makes itself, and not for what a factory or a value provides. A guard that does not guard must stop the start.
 */
export function enhancerProblems(methods: readonly FoundMethod[]): string[] {
  return methods.flatMap((found) =>
    [...DECORATORS].flatMap(([key, decorator]) =>
      [...enhancers(key, found.owner), ...enhancers(key, found.method)]
        .filter((enhancer) => typeof enhancer === 'function' && !found.host.host?.injectables.has(enhancer))
        .map(
          (enhancer) =>
            `${labelOf(found)}: @${decorator}(${(enhancer as { name: string }).name}) would not apply, because ${found.owner.name} is provided by useFactory or useValue. Provide the class itself, or pass an instance of ${(enhancer as { name: string }).name}.`,
        ),
    ),
  );
}

function enhancers(key: string, target: object): unknown[] {
  return (Reflect.getMetadata(key, target) as unknown[] | undefined) ?? [];
}
