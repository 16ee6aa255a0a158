/** A class whose instances are payloads. They are made without arguments, then their properties are set. */
export type PayloadClass<T extends object = object> = new () => T;
