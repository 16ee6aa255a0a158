/** The codes of `error` frames. */
export const ERROR_CODES = [
  'bad_frame',
  'too_large',
  'rate',
  'forbidden',
  'unsupported',
  'conflict',
  'unavailable',
  'pending',
  'unknown',
  'internal',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];
