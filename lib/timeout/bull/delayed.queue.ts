import type { JobOptions, Queue } from 'bull';
import { type Delayed, type DelayOptions, following, type Scheduled } from '../delayed.js';
import { BACKOFF } from './timeout.queue.js';

/** How every delayed command is kept in Redis: until it is published, whatever that takes. Nobody else knows of it. */
const DELAYED_JOB: JobOptions = {
  attempts: Number.MAX_SAFE_INTEGER,
  backoff: { type: BACKOFF },
  removeOnComplete: true,
  removeOnFail: false,
  stackTraceLimit: 1,
};

/** How long a slot is remembered after its command was due, in milliseconds: by then it is free, whatever clocks say. */
const SLOT_LINGERS = 60_000;

/**
 * Puts a job among the delayed ones, as Bull's own script does, and its slot beside it, in one step: a slot that was asked before
 * may be another's by then. A slot says when its job is due, and which one that is.
 *
 * Once a job is due its slot is free, although the job may still be there: where the acknowledgement of its publication was lost,
 * or its worker died, its handler runs already, and may use the slot anew. So whoever declares a recurrence anew, as a process does that
 * starts, does not take back the time that was missed.
 */
const SCHEDULE = `
local delayed, slot, counter, jobs = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, due, now, mode, before = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local state = 'new'
local held = redis.call('GET', slot) or ''
local heldDue, heldId = string.match(held, '^(%d+) (.+)$')
if mode == 'follow' then
  if heldId ~= before then return {'kept', heldDue or due} end
elseif heldId and mode == 'replace' and (tonumber(heldDue) > tonumber(now) or ARGV[8] ~= '') then
  if redis.call('ZREM', delayed, heldId) == 1 then
    if tonumber(redis.call('HGET', jobs .. heldId, 'attemptsMade') or 0) == 0 then state = 'replaced' end
    redis.call('DEL', jobs .. heldId)
  end
elseif heldId and tonumber(heldDue) > tonumber(now) and redis.call('EXISTS', jobs .. heldId) == 1 then
  return {'kept', heldDue}
end
redis.call('SET', slot, due .. ' ' .. id)
if ARGV[8] ~= '' then redis.call('PEXPIREAT', slot, ARGV[8]) end
if redis.call('EXISTS', jobs .. id) == 1 then return {'kept', due} end
local count = redis.call('INCR', counter)
redis.call('HMSET', jobs .. id, 'name', '__default__', 'data', ARGV[6], 'opts', ARGV[7],
  'timestamp', now, 'delay', math.max(0, tonumber(due) - tonumber(now)), 'priority', 0)
redis.call('ZADD', delayed, tonumber(due) * 0x1000 + bit.band(count, 0xfff), id)
redis.call('PUBLISH', delayed, due)
return {state, due}`;

/** Takes back what waits in a slot, and frees the slot, so that nothing follows it. */
const CANCEL = `
local heldId = string.match(redis.call('GET', KEYS[2]) or '', '^%d+ (.+)$')
if not heldId then return 0 end
redis.call('DEL', KEYS[2])
if redis.call('ZREM', KEYS[1], heldId) == 0 then return 0 end
local tried = redis.call('HGET', KEYS[3] .. heldId, 'attemptsMade')
redis.call('DEL', KEYS[3] .. heldId)
return (tried and tonumber(tried) > 0) and 0 or 1`;

/**
 * Delayed commands in a queue of their own: ten thousand that are due at midnight must not stand before a time-out, and are never
 * given up, which a time-out may be.
 *
 * The scripts are ours because Bull cannot say whether a job was there already, cannot move one in one step, and would let a job
 * that is still being completed keep its id from the next one. Bull's repeatable jobs go by the local clock, and adding the
 * next one is two steps, between which a removal is lost.
 */
export class DelayedQueue {
  /** @param client of another queue on the same Redis, whose state is watched */
  constructor(
    private readonly queue: Queue<Delayed>,
    private readonly client: Queue['client'],
    private readonly now: () => number,
  ) {}

  schedule(delayed: Delayed, { replace = false }: DelayOptions): Promise<Scheduled> {
    return this.put(delayed, replace ? 'replace' : 'keep');
  }

  /** @returns whether it certainly never comes */
  async cancel(slot: string): Promise<boolean> {
    const keys = [this.key('delayed'), this.slotKey(slot), this.key('')];
    return (await this.client.eval(CANCEL, keys.length, ...keys)) === 1;
  }

  /** Schedules what comes after one that is due now. Once, however often that one runs; not at all where it was taken back. */
  async follow(delayed: Delayed): Promise<void> {
    if (delayed.repeat) await this.put(following(delayed, this.now()), 'follow', delayed.id);
  }

  private async put(delayed: Delayed, mode: 'keep' | 'replace' | 'follow', before = ''): Promise<Scheduled> {
    const { id, slot, deadline: due, repeat } = delayed;
    const keys = [this.key('delayed'), this.slotKey(slot), this.key('id'), this.key('')];
    const options = JSON.stringify({ ...DELAYED_JOB, jobId: id });
    const forgotten = repeat ? '' : due + SLOT_LINGERS; // a recurrence goes on until it is taken back
    const values = [id, due, this.now(), mode, before, JSON.stringify(delayed), options, forgotten];
    const [state, at] = (await this.client.eval(SCHEDULE, keys.length, ...keys, ...values)) as [string, string];
    return { state: state as Scheduled['state'], due: Number(at) };
  }

  private key(name: string): string {
    return this.queue.toKey(name);
  }

  private slotKey(slot: string): string {
    return this.key(`slot:${slot}`);
  }
}
