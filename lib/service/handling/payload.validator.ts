import { Injectable, Logger } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { validate, type ValidatorOptions } from 'class-validator';
import { entityCommandOf } from '../../entity/generic.command.js';
import { entityEventOf } from '../../entity/generic.event.js';
import type { PayloadClass } from '../../entity/payload.class.js';
import { validatedProperties } from '../declaration/validated.properties.js';
import { SparingLog } from '../../timeout/sparing.log.js';
import { ServiceOptions } from '../service.options.js';
import { EntityValidator } from './entity.validator.js';
import { problemsOf, UNMADE, type Validated } from './validated.js';

/** Makes instances of payload classes, and checks them by their class-validator decorators. */
@Injectable()
export class PayloadValidator {
  private readonly logger = new SparingLog(new Logger('KafkaSocketService'));

  private readonly entities: EntityValidator;

  constructor(private readonly options: ServiceOptions) {
    this.entities = new EntityValidator(options.validation, (entity, data) => this.instanceOf(entity, data));
  }

  async validate(payload: PayloadClass, data: unknown): Promise<Validated> {
    if (typeof data !== 'object' || data === null || Array.isArray(data)) return notAnObject(data);
    const command = entityCommandOf(payload);
    if (command) return this.entities.validate(payload, command, data);
    const event = entityEventOf(payload);
    if (!event || event.eventType === 'Deleted') return this.checked(payload, data, this.options.validation);
    // Our own services wrote it: it also holds what no client can set.
    return this.checked(event.entity, data, { ...this.options.validation, whitelist: false });
  }

  private async checked(payload: PayloadClass, data: object, options: ValidatorOptions): Promise<Validated> {
    const instance = this.instanceOf(payload, data);
    if (!instance) return UNMADE;
    // class-validator calls a class that it knows nothing of an unknown value; here such a class takes everything.
    if (validatedProperties(payload).length === 0) return { data: instance };
    const errors = await validate(instance, options);
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

function notAnObject(data: unknown): Validated {
  const found = data === null ? 'null' : Array.isArray(data) ? 'an array' : `a ${typeof data}`;
  return { problems: [{ path: '', constraints: [`the payload must be an object, and is ${found}`] }] };
}
