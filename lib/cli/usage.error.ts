/** The command line does not say what is to be done. */
export class UsageError extends Error {}
