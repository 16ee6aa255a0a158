/** The sub-protocol that both sides must speak. */
export const SUBPROTOCOL = 'kafka-socket.v1';

/** The event name under which one session's sealed results of a topic arrive. */
export function resultChannel(topic: string, sessionId: string): string {
  return `socket/${topic}/${sessionId}`;
}

/** The event name under which a topic's events arrive. */
export function broadcastChannel(topic: string): string {
  return `socket/${topic}/broadcast`;
}

/** What a sealed result is bound to beside its ciphertext (additional authenticated data). */
export function sealedFor(topic: string, sessionId: string, requestId: string): string {
  return `${resultChannel(topic, sessionId)}\n${requestId}`;
}

/** HPKE's `info`: a key set up for another purpose opens nothing here. */
export const SEALING_INFO = 'kafka-socket.v1';

/** HPKE's exporter context, and the length of the exported AES key in bytes. */
export const SEALING_EXPORT = { context: 'result', length: 32 } as const;
