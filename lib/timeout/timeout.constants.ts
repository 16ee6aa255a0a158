/** Injects the `TimeoutScheduler` of this module: Bull on Redis, or the one in the process. */
export const TIMEOUT_SCHEDULER = Symbol('TIMEOUT_SCHEDULER');
