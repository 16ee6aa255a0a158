import { getMetadataStorage } from 'class-validator';
import type { PayloadClass } from '../../entity/payload.class.js';

/** The properties of a class that class-validator knows of, inherited ones too. */
export function validatedProperties(payload: PayloadClass): string[] {
  const found = getMetadataStorage().getTargetValidationMetadatas(payload, '', true, false);
  return [...new Set(found.map(({ propertyName }) => propertyName))];
}
