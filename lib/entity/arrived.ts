type Method = (...args: never[]) => unknown;

/** What arrives of something that travels as JSON: no methods, and what writes itself as something else, as a `Date` does as a text, as that. */
export type Arrived<T> = T extends { toJSON(): infer J }
  ? Arrived<J>
  : T extends readonly unknown[]
    ? { [K in keyof T]: Arrived<T[K]> }
    : T extends object
      ? { [K in keyof T as T[K] extends Method ? never : K]: Arrived<T[K]> }
      : T;
