import { Injectable, Logger } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { getMetadataStorage, validate, type ValidationError } from 'class-validator';
import type { InvalidProperty } from '../../protocol/outcome.js';
import type { PayloadClass } from '../declaration/method.declaration.js';
import { SparingLog } from '../../timeout/sparing.log.js';
import { ServiceOptions } from '../service.options.js';

/** A payload as its class wants it, or what is wrong with it. */
export type Validated =
  { readonly data: object; readonly problems?: undefined } | { readonly problems: readonly InvalidProperty[] };

/** Makes instances of payload classes, and checks them by their class-validator decorators. */
@Injectable()
export class PayloadValidator {
  private readonly logger = new SparingLog(new Logger('KafkaSocketService'));

  constructor(private readonly options: ServiceOptions) {}

  async validate(payload: PayloadClass, data: unknown): Promise<Validated> {
    if (typeof data !== 'object' || data === null || Array.isArray(data)) return notAnObject(data);
    const instance = this.instanceOf(payload, data);
    if (!instance) return { problems: [{ path: '', constraints: ['the payload does not have the expected form'] }] };
    if (!isDecorated(payload)) return { data: instance };
    const errors = await validate(instance, this.options.validation);
    return errors.length === 0 ? { data: instance } : { problems: problemsOf(errors) };
  }

  /** What a `@Transform` makes of a payload that nobody has checked yet may well throw; that is the payload's fault. */
  private instanceOf(payload: PayloadClass, data: object): object | undefined {
    try {
      return plainToInstance(payload, data);
    } catch (error) {
      // Not its message, which quotes what the client sent.
      const name = error instanceof Error ? error.name : typeof error;
      this.logger.warn(
        `A payload cannot be made a ${payload.name}: ${name} in one of its @Transform or @Type functions.`,
      );
      return undefined;
    }
  }
}

/** What class-validator found, a line for each property: `lines.0.amount`. */
export function problemsOf(errors: readonly ValidationError[], parent = ''): InvalidProperty[] {
  return errors.flatMap(({ property, constraints, children }) => {
    const path = [parent, property].filter(Boolean).join('.'); // a value as a whole has no property
    const own = constraints ? [{ path, constraints: Object.values(constraints) }] : [];
    return [...own, ...problemsOf(children ?? [], path)];
  });
}

function notAnObject(data: unknown): Validated {
  const found = data === null ? 'null' : Array.isArray(data) ? 'an array' : `a ${typeof data}`;
  return { problems: [{ path: '', constraints: [`the payload must be an object, and is ${found}`] }] };
}

/** class-validator calls a class that it knows nothing of an unknown value; here such a class takes everything. */
function isDecorated(payload: PayloadClass): boolean {
  return getMetadataStorage().getTargetValidationMetadatas(payload, '', true, false).length > 0;
}
