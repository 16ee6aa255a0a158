import { entityCommandOf } from '../../entity/generic.command.js';
import type { PayloadClass } from '../../entity/payload.class.js';
import { validatedProperties } from './validated.properties.js';

/** What a generic command's entity must say so that payloads can be checked by it. */
export function entityProblems(label: string, payload: PayloadClass): string[] {
  const command = entityCommandOf(payload);
  if (!command || validatedProperties(command.entity).includes('id')) return [];
  const { name } = command.entity;
  return [
    `${label}: class ${name} does not say what its ids are, and what has no validator no client can set. Write a decorator of class-validator above its id, such as @IsUUID() or @IsInt(), and above all else that clients may set.`,
  ];
}
