/** What commands, entities and event types may be called; a topic may also hold dots, as Kafka allows. */
export const NAME = /^[A-Za-z0-9_-]+$/;
export const TOPIC_NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/;
