import { MissingTopicsError } from './log.errors.js';

const LEGAL = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/;

/**
 * Refuses names that no Kafka takes.
 * @throws {MissingTopicsError} `topics_missing`
 */
export function checkTopicNames(topics: readonly string[]): void {
  const illegal = topics.filter((topic) => !LEGAL.test(topic));
  if (illegal.length === 0) return;
  throw new MissingTopicsError(
    `No topic can be named ${illegal.map((topic) => JSON.stringify(topic)).join(', ')}. ` +
      'Names are 1 to 249 letters, digits, ".", "_" and "-".',
  );
}
