/** Why the gateway closed a socket. From 4500 on a client stops; below it reconnects with full jitter. */
export const CloseCode = {
  shuttingDown: 4001,
  tokenExpired: 4005,
  tooSlow: 4008,
  insufficientState: 4010,
  noPong: 4012,
  rate: 4013,
  badToken: 4500,
  badFrames: 4501,
  noHello: 4502,
  forbidden: 4503,
  connectionLimit: 4504,
  protocol: 4506,
} as const;

export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

/** Whether a client that was closed with this code may come back. */
export function mayReconnect(code: number): boolean {
  return code < 4500 || code > 4599;
}
