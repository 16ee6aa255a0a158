/** Yields the {@link ResolvedOptions}. */
export const KAFKA_SOCKET_OPTIONS = Symbol('kafka-socket:options');
