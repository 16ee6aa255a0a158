import { validate, type ValidationError, type ValidatorOptions } from 'class-validator';
import { type EntityCommand, LONGEST_PAGE, USUAL_PAGE } from '../../entity/generic.command.js';
import type { EntityClass } from '../../entity/versioned.entity.js';
import type { PayloadClass } from '../../entity/payload.class.js';
import type { InvalidProperty } from '../../protocol/outcome.js';
import { validatedProperties } from '../declaration/validated.properties.js';
import { idOf, invalidCursor } from '../entity/page.cursor.js';
import { problemsOf, UNMADE, type Validated } from './validated.js';

type Fields = Readonly<Record<string, unknown>>;

/** What was checked, or what is wrong with it. */
interface Checked {
  readonly values: Record<string, unknown>;
  readonly problems: readonly InvalidProperty[];
}

/** Longer ids are none of ours: they would travel as record keys. */
const LONGEST_ID = 200;
/** What an id of that length may come to where each character is escaped. */
const LONGEST_CURSOR = 2_000;

/** The payload of a generic command, by the validators of its entity. What has no validator no client can set. */
export class EntityValidator {
  /** @param make an instance of a payload that nobody has checked yet; undefined where its class makes none of it */
  constructor(
    private readonly options: ValidatorOptions,
    private readonly make: (entity: EntityClass, data: object) => object | undefined,
  ) {}

  /** @throws {CommandRejectedError} `INVALID_CURSOR` */
  async validate(payload: PayloadClass, command: EntityCommand, data: object): Promise<Validated> {
    const { values, problems } = await this.checked(command, data as Fields);
    return problems.length > 0 ? { problems } : { data: Object.assign(new payload(), values) };
  }

  private checked({ verb, entity }: EntityCommand, data: Fields): Promise<Checked> {
    if (verb === 'Create') return this.created(entity, data);
    if (verb === 'Get') return this.named(entity, data, false);
    if (verb === 'List') return this.listed(entity, data);
    const { version, ...fields } = data;
    return this.versioned(entity, fields, version, verb === 'Update');
  }

  /** Where it has no id it will get one, so one of that kind stands in for it: what the class says of ids holds for that, too. */
  private async created(entity: EntityClass, data: Fields): Promise<Checked> {
    const hasId = data['id'] !== undefined;
    const { values, problems } = await this.fields(entity, hasId ? data : { ...data, id: SOME_ID }, { whole: true });
    if (!hasId) delete values['id'];
    return { values, problems: hasId ? withId(problems, data['id']) : problems };
  }

  private async versioned(entity: EntityClass, fields: Fields, version: unknown, changes: boolean): Promise<Checked> {
    const { values, problems } = await this.named(entity, fields, changes);
    const wrong = Number.isSafeInteger(version) && (version as number) >= 1 ? [] : [problem('version', VERSION)];
    return { values: { ...values, version }, problems: [...problems, ...wrong] };
  }

  private async named(entity: EntityClass, data: Fields, changes: boolean): Promise<Checked> {
    const { values, problems } = await this.fields(entity, data, { only: changes ? undefined : ['id'] });
    return { values, problems: withId(problems, data['id']) };
  }

  private async listed(entity: EntityClass, data: Fields): Promise<Checked> {
    const { where = {}, limit = USUAL_PAGE, cursor, ...unknown } = data;
    const checked =
      isObject(where) && !Array.isArray(where)
        ? await this.where(entity, where as Fields)
        : { values: {}, problems: [problem('where', 'where must be an object')] };
    const size = Number.isInteger(limit) && (limit as number) >= 1 && (limit as number) <= LONGEST_PAGE;
    const isCursor = cursor === undefined || (typeof cursor === 'string' && cursor.length <= LONGEST_CURSOR);
    if (isCursor && cursor !== undefined) await this.checkCursor(entity, cursor);
    return {
      values: { where: checked.values, limit, ...(cursor !== undefined && { cursor }) },
      problems: [
        ...Object.keys(unknown).map(unknownProperty),
        ...checked.problems,
        ...(size ? [] : [problem('limit', `limit must be an integer from 1 to ${LONGEST_PAGE}`)]),
        ...(isCursor ? [] : [problem('cursor', 'cursor must be one that a page ended with')]),
      ],
    };
  }

  /**
   * Anyone can write a cursor, or bring that of another entity, and a database may refuse to compare its ids with that: it is checked
   * as the id of a `Get` is.
   * @throws {CommandRejectedError} `INVALID_CURSOR`
   */
  private async checkCursor(entity: EntityClass, cursor: string): Promise<void> {
    const { problems } = await this.named(entity, { id: idOf(cursor) }, false);
    if (problems.length > 0) throw invalidCursor();
  }

  /** What entities are alike in is compared, so it is a single value. */
  private async where(entity: EntityClass, where: Fields): Promise<Checked> {
    const { values, problems } = await this.fields(entity, where, { without: 'id' });
    const nested = Object.keys(values).filter((name) => isObject(values[name]));
    const wrong = nested.map((name) => problem(name, `${name} must be a text, a number, a boolean or null`));
    return { values, problems: [...problems, ...wrong].map((one) => ({ ...one, path: `where.${one.path}` })) };
  }

  /**
   * Of a class whose properties have initial values an instance has those as well. Of a whole entity they are wanted; what was only
   * partly given must not be filled up with them, or a change of the title would reset the price.
   */
  private async fields(
    entity: EntityClass,
    data: Fields,
    { whole = false, only, without }: { whole?: boolean; only?: readonly string[]; without?: string },
  ): Promise<Checked> {
    const known = new Set(only ?? validatedProperties(entity));
    known.delete('version');
    if (without !== undefined) known.delete(without);
    const unknown = Object.keys(data).filter((name) => !known.has(name));
    if (unknown.length > 0) return { values: {}, problems: unknown.map(unknownProperty) };
    const instance = this.make(entity, data) as Record<string, unknown> | undefined;
    if (!instance) return { values: {}, ...UNMADE };
    const defaults: Record<string, unknown> = {};
    for (const name of Object.keys(instance)) {
      const isGiven = known.has(name) && (whole || Object.hasOwn(data, name));
      if (isGiven && instance[name] !== undefined) continue;
      if (whole && instance[name] !== undefined && name !== 'version') defaults[name] = instance[name];
      delete instance[name];
    }
    const problems = problemsOf(await this.errorsOf(instance, whole));
    return { values: { ...defaults, ...instance }, problems };
  }

  /**
   * What was not given of a part is not asked for. But an object that was given takes the place of the whole one that is there, and
   * class-validator skips what is undefined in it as well, or nowhere.
   */
  private async errorsOf(instance: Fields, whole: boolean): Promise<ValidationError[]> {
    const skipUndefinedProperties = !whole && !Object.values(instance).some(isObject);
    const errors = await validate(instance, { ...this.options, ...STRICT, skipUndefinedProperties });
    return whole ? errors : errors.filter(({ property }) => Object.hasOwn(instance, property));
  }
}

const STRICT: ValidatorOptions = {
  whitelist: true,
  forbidNonWhitelisted: true,
  skipMissingProperties: false, // would take null for nothing, and write it unchecked
  skipNullProperties: false,
};

/** A UUIDv7, which ids of messages are. */
const SOME_ID = '01890a5d-ac96-774b-bcce-b302099a8057';
const VERSION = 'version must be the version that was seen, an integer of 1 or more';

/** What an id has to be whatever its class says, unless that has said enough. */
function withId(problems: readonly InvalidProperty[], id: unknown): readonly InvalidProperty[] {
  const isText = typeof id === 'string' && id.length > 0 && id.length <= LONGEST_ID;
  if (isText || Number.isSafeInteger(id) || problems.some(({ path }) => path === 'id')) return problems;
  return [...problems, problem('id', `id must be a text of 1 to ${LONGEST_ID} characters, or an integer`)];
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function problem(path: string, constraint: string): InvalidProperty {
  return { path, constraints: [constraint] };
}

function unknownProperty(name: string): InvalidProperty {
  return problem(name, `property ${name} should not exist`);
}
