/** Yields the validated {@link GatewayOptions}. */
export const GATEWAY_OPTIONS = Symbol('kafka-socket:gateway-options');

/** Yields the {@link Connections} of this gateway. */
export const CONNECTIONS = Symbol('kafka-socket:connections');
