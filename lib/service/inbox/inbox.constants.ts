/** Injects the `Inbox` of this module; undefined where there is none. */
export const INBOX = Symbol('INBOX');
