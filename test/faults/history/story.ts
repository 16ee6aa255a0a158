import type { Positions } from '../../../lib/protocol/frames.js';
import { check, type Verdict } from './checker.js';
import type { Effect } from './effect.js';
import type { Entry, Happening } from './entry.js';
import type { ViolationKind } from './violation.js';
import type { WrittenEnding, WrittenEvent, WrittenLog, WrittenStep } from './written.log.js';

export const TOPIC = 'topic';
export const RUN = 'service 1-1-1';

/** What happened, and when where that matters; the first thing happens at 0, and each other one a millisecond after the one before. */
type Timed = Happening & { readonly t?: number };

/** What a hand-made run left behind; all that is left out is as in a run in which one quick command went well. */
export interface Story {
  readonly history?: readonly Timed[];
  readonly commands?: WrittenLog['commands'];
  readonly endings?: readonly WrittenEnding[];
  readonly events?: readonly WrittenEvent[];
  readonly steps?: readonly WrittenStep[];
  readonly effects?: readonly Effect[];
  readonly widened?: boolean;
}

export const at = (offset: number) => [TOPIC, 0, String(offset)] as const;
export const positions = (offset: number) => ({ [TOPIC]: { 0: String(offset) } });

export const JOINED: readonly Happening[] = [
  { what: 'joined', client: 1, hears: '*' },
  { what: 'hello', client: 1, socket: 1, positions: {} },
  { what: 'welcome', client: 1, socket: 1, positions: positions(-1) },
];
export const SENT: readonly Happening[] = [
  { what: 'asked', client: 1, n: 1, command: 'Quick', key: 'a', ttl: 1_000 },
  { what: 'sent', client: 1, n: 1, id: 'r1', socket: 1, age: 0 },
];
export const ACCEPTED: Happening = { what: 'accepted', client: 1, id: 'r1', at: at(0) };
export const CLOSED: Happening = { what: 'closed', client: 1, socket: 1 };
export const TOLD: Happening = { what: 'told', client: 1, n: 1, status: 'success', run: RUN };
export const LATE: Happening = { what: 'late', client: 1, id: 'r1', at: at(9), status: 'timeout' };
export const HEARD: Happening = { what: 'event', client: 1, at: at(2), id: 'e1', type: 'Quicker.Done' };
export const GOOD: readonly Happening[] = [...JOINED, ...SENT, ACCEPTED, TOLD, HEARD];
export const SENT_AGAIN: readonly Happening[] = [...JOINED, ...SENT, SENT[1]!, ACCEPTED, TOLD, HEARD];

export const COMMAND = { partition: 0, offset: 0, n: 1, key: 'a' };
export const ENDING: WrittenEnding = { partition: 0, offset: 1, status: 'success', run: RUN };
export const TIMEOUT: WrittenEnding = { partition: 0, offset: 9, status: 'timeout' };
export const EVENT: WrittenEvent = { partition: 0, offset: 2, id: 'e1', type: 'Quicker.Done', n: 1, key: 'a' };
export const EFFECT: Effect = { what: 'Quick', n: 1, run: RUN, message: 'm1', partition: 0, offset: 0 };
export const SEEN: Effect = { what: 'seen', n: 1, run: 'service 1-1-2', message: 'e1', partition: 0, offset: 2 };

/** What the checker says of it. */
export function verdict({ history = GOOD, ...story }: Story = {}): Promise<Verdict> {
  const { commands = new Map([['r1', [COMMAND]]]), endings = [ENDING], events = [EVENT], steps = [] } = story;
  const log: WrittenLog = { commands, endings: new Map([['r1', endings]]), events: new Map([[0, events]]), steps };
  const entries = history.map((happening, t): Entry => ({ t, ...happening }));
  return check({ history: entries, log, effects: story.effects ?? [EFFECT, SEEN], widened: story.widened });
}

/** The kinds of what is wrong, each once. */
export async function wrongs(story: Story): Promise<ViolationKind[]> {
  const { violations } = await verdict(story);
  return [...new Set(violations.map(({ kind }) => kind))];
}

/** The good run without some of it. */
export function without(...happenings: readonly Happening[]): readonly Happening[] {
  return GOOD.filter((one) => !happenings.includes(one));
}

/** The good run, but for what the client was told of its command; other things may happen before that. */
export function toldOf(told: Partial<Happening>, ...before: readonly Happening[]): readonly Happening[] {
  return [...without(TOLD), ...before, { ...TOLD, run: undefined, ...told } as Happening];
}

/** The good run, but for what the client was told of its event. */
export function heardAs(heard: Partial<Happening>): readonly Happening[] {
  return [...without(HEARD), { ...HEARD, ...heard } as Happening];
}

/** The one command of the run, asked for with this time to live, and told so, within a few milliseconds. */
export function asked(ttl: number, told: Partial<Happening>, calm: boolean): readonly Happening[] {
  const [one, ...sent] = SENT;
  const phase: Happening = { what: 'phase', calm };
  return [phase, ...JOINED, { ...one, ttl } as Happening, ...sent, { ...TOLD, run: undefined, ...told } as Happening];
}

/** A client loses its socket, and is told on the next one how much of what it has missed can be had. */
export function reconnected(positionsAsked: Positions, told: Partial<Happening>): readonly Happening[] {
  return [
    CLOSED,
    { what: 'hello', client: 1, socket: 2, positions: positionsAsked },
    { what: 'welcome', client: 1, socket: 2, positions: positions(5) },
    { what: 'recovered', client: 1, complete: true, ...told } as Happening,
  ];
}
