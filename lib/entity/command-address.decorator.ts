import type { PayloadClass } from './payload.class.js';

/** Where a command goes, and what it is called there. */
export interface Address {
  readonly topic: string;
  /** Name within its topic, such as `PlaceBid`. */
  readonly name: string;
}

// What is said of a class once and for all: it ends with the class, and no two applications can mean different things by it.
const ADDRESSES = new WeakMap<PayloadClass, Address>();

/**
 * Gives the commands that carry this class their address.
 *
 * @param topic the topic that they are sent to
 * @param name what they are called there, `[A-Za-z0-9_-]+`; the class's name by default. Name it where code is minified.
 *
 * @example
 * ```ts
 * @CommandAddress('auction')
 * export class PlaceBid {
 *   @IsInt() lot!: number;
 *   @IsPositive() amount!: number;
 * }
 * ```
 */
export function CommandAddress(topic: string, name?: string) {
  return (target: PayloadClass): void => {
    ADDRESSES.set(target, { topic, name: name ?? target.name });
  };
}

/** The address of a class. Not inherited: two classes would share it, and one command two meanings. */
export function commandAddressOf(payload: PayloadClass): Address | undefined {
  return ADDRESSES.get(payload);
}
