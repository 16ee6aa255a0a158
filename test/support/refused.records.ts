import { LogUnavailableError } from '../../lib/log/log.errors.js';
import type { MessageLog } from '../../lib/log/message.log.js';

/** Makes a log take no records of a kind until that is lifted, as if no broker answered; counts the tries. */
export function refuse(log: MessageLog, isRefused: (topic: string, type: string) => boolean) {
  const publish = log.publish.bind(log);
  const refusal = { tries: 0, lifted: false };
  log.publish = async (record) => {
    if (refusal.lifted || !isRefused(record.topic, String(record.headers['ce_type']))) return publish(record);
    refusal.tries++;
    throw new LogUnavailableError('No broker answers.', true);
  };
  return refusal;
}
