import type { Queue } from 'bull';
import type { Timeout } from '../timeout.scheduler.js';
import { TIMEOUT_JOB } from './timeout.queue.js';

/** A time-out that is armed, or the id of one that is taken back. */
export type Change = Timeout | string;

/** What may go into one script, while which Redis does nothing else: some 2 ms. */
export const MOST_CHANGES = 200;

/**
 * Arms and disarms in the order given, an id, a time and the data for each; where there is no data it is disarmed.
 *
 * Puts a job among the delayed ones as Bull's own script does, and tells the workers when it is due only where it is the first of
 * all to be: else each of them would hear of every request. Takes a job back only as long as it waits. Bull's own remove() also takes
 * one that a worker just chose, and that leaves a ghost (see the worker); it needs the job fetched first, too. Once chosen, it
 * may as well run: a time-out that comes second is dropped by every reader.
 */
const CHANGE = `
local delayed, counter, jobs = KEYS[1], KEYS[2], KEYS[3]
local options, now = ARGV[1], ARGV[2]
local done, armed = {}, {}
for i = 3, #ARGV, 3 do
  local id, due, data = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2]
  local job, result = jobs .. id, 0
  if data == '' then
    if redis.call('ZREM', delayed, id) == 1 then
      if tonumber(redis.call('HGET', job, 'attemptsMade') or 0) == 0 then result = 1 end
      redis.call('DEL', job)
    end
  elseif redis.call('EXISTS', job) == 0 then
    local count = redis.call('INCR', counter)
    redis.call('HMSET', job, 'name', '__default__', 'data', data, 'opts', options,
      'timestamp', now, 'delay', math.max(0, due - tonumber(now)), 'priority', 0)
    redis.call('ZADD', delayed, due * 0x1000 + bit.band(count, 0xfff), id)
    armed[id], result = true, 1
  end
  done[#done + 1] = result
end
local first = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
if first[1] and armed[first[1]] then
  redis.call('PUBLISH', delayed, string.format('%.0f', math.floor(tonumber(first[2]) / 0x1000)))
end
return done`;

/** What all jobs are kept by; Bull reads it with each. */
const OPTIONS = JSON.stringify(TIMEOUT_JOB);

/**
 * Arms and disarms time-outs in one step.
 * @param now by Redis's clock
 * @returns of each 1 where it did so, and of one that is taken back only where it certainly never runs
 */
export function applyChanges(
  queue: Queue<Timeout>,
  changes: readonly Change[],
  now: number,
): Promise<readonly number[]> {
  const keys = [queue.toKey('delayed'), queue.toKey('id'), queue.toKey('')];
  const values = changes.flatMap((change) =>
    typeof change === 'string' ? [change, 0, ''] : [change.id, change.deadline, JSON.stringify(change)],
  );
  return queue.client.eval(CHANGE, keys.length, ...keys, OPTIONS, now, ...values) as Promise<number[]>;
}
