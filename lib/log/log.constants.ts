/** Injects the `MessageLog` that this module's messages go through: Kafka, or the log in the process. */
export const MESSAGE_LOG = Symbol('MESSAGE_LOG');
