import { describe, expect, it } from 'vitest';
import { check, type Verdict } from './faults/history/checker.js';
import type { Effect } from './faults/history/effect.js';
import type { Entry, Happening } from './faults/history/entry.js';
import { checkUse } from './faults/history/use.check.js';
import { type ViolationKind, Violations } from './faults/history/violation.js';
import type { WrittenEnding, WrittenEvent, WrittenLog, WrittenStep } from './faults/history/written.log.js';

const TOPIC = 'topic';
const RUN = 'service 1-1-1';

/** What a hand-made run left behind; all that is left out is as in a run in which one quick command went well. */
interface Story {
  readonly history?: readonly Happening[];
  readonly commands?: WrittenLog['commands'];
  readonly endings?: readonly WrittenEnding[];
  readonly events?: readonly WrittenEvent[];
  readonly steps?: readonly WrittenStep[];
  readonly effects?: readonly Effect[];
}

const at = (offset: number) => [TOPIC, 0, String(offset)] as const;
const positions = (offset: number) => ({ [TOPIC]: { 0: String(offset) } });

const JOINED: readonly Happening[] = [
  { what: 'joined', client: 1, hears: '*' },
  { what: 'hello', client: 1, socket: 1, positions: {} },
  { what: 'welcome', client: 1, socket: 1, positions: positions(-1) },
];
const SENT: readonly Happening[] = [
  { what: 'asked', client: 1, n: 1, command: 'Quick', key: 'a', ttl: 1_000 },
  { what: 'sent', client: 1, n: 1, id: 'r1', socket: 1, age: 0 },
];
const ACCEPTED: Happening = { what: 'accepted', client: 1, id: 'r1', at: at(0) };
const TOLD: Happening = { what: 'told', client: 1, n: 1, status: 'success', run: RUN };
const HEARD: Happening = { what: 'event', client: 1, at: at(2), id: 'e1', type: 'Quicker.Done' };
const GOOD: readonly Happening[] = [...JOINED, ...SENT, ACCEPTED, TOLD, HEARD];

const COMMAND = { partition: 0, offset: 0, n: 1, key: 'a' };
const ENDING: WrittenEnding = { partition: 0, offset: 1, status: 'success', run: RUN };
const TIMEOUT: WrittenEnding = { partition: 0, offset: 9, status: 'timeout' };
const EVENT: WrittenEvent = { partition: 0, offset: 2, id: 'e1', type: 'Quicker.Done', n: 1, key: 'a' };
const EFFECT: Effect = { what: 'Quick', n: 1, run: RUN, message: 'm1', partition: 0, offset: 0 };
const SEEN: Effect = { what: 'seen', n: 1, run: 'service 1-1-2', message: 'e1', partition: 0, offset: 2 };

function verdict({ history = GOOD, ...story }: Story = {}): Promise<Verdict> {
  const { commands = new Map([['r1', [COMMAND]]]), endings = [ENDING], events = [EVENT], steps = [] } = story;
  const log: WrittenLog = { commands, endings: new Map([['r1', endings]]), events: new Map([[0, events]]), steps };
  const entries: Entry[] = history.map((happening, t) => ({ t, ...happening }));
  return check({ history: entries, log, effects: story.effects ?? [EFFECT, SEEN] });
}

/** The kinds of what is wrong, each once. */
async function wrongs(story: Story): Promise<ViolationKind[]> {
  const { violations } = await verdict(story);
  return [...new Set(violations.map(({ kind }) => kind))];
}

function without(happening: Happening): readonly Happening[] {
  return GOOD.filter((one) => one !== happening);
}

describe('a run in which all was well', () => {
  it('has nothing wrong, and is counted', async () => {
    expect(await verdict()).toMatchObject({
      requests: 1,
      outcomes: { success: 1 },
      contested: 0,
      events: 1,
      deliveries: 1,
      effects: 2,
      counts: { lost: 0, double: 0, disorder: 0, false: 0, growth: 0 },
      violations: [],
    });
  });

  it('may have told nobody knows to a client that was cut off, and the outcome later', async () => {
    const history: Happening[] = [
      ...JOINED,
      ...SENT,
      { what: 'closed', client: 1, socket: 1 },
      { what: 'told', client: 1, n: 1, status: 'unknown' },
      { what: 'late', client: 1, id: 'r1', at: at(1), status: 'success', run: RUN },
      HEARD,
    ];
    expect((await verdict({ history })).violations).toEqual([]);
  });

  it('may have an answer behind its time-out, whose effect stands', async () => {
    const history = [...without(TOLD), { ...TOLD, status: 'timeout', run: undefined }] as Happening[];
    const found = await verdict({ history, endings: [{ ...TIMEOUT, offset: 1 }, ENDING] });
    expect(found).toMatchObject({ violations: [], contested: 1 });
  });

  it('may have a time-out without a command, of which a client is told that sends it again', async () => {
    const history = [
      ...JOINED,
      ...SENT,
      { ...ACCEPTED, at: at(1) },
      { ...TOLD, status: 'timeout', run: undefined },
    ] as Happening[];
    const story = { history, commands: new Map(), endings: [{ ...TIMEOUT, offset: 1 }], events: [], effects: [] };
    expect((await verdict(story)).violations).toEqual([]);
  });

  it('may have a time-out in another partition, where one was added before the request was sent again', async () => {
    expect((await verdict({ endings: [{ ...TIMEOUT, partition: 3 }, ENDING] })).violations).toEqual([]);
  });

  it('may have left events out for a client that was told so', async () => {
    const recovery: Happening[] = [
      { what: 'closed', client: 1, socket: 1 },
      { what: 'hello', client: 1, socket: 2, positions: positions(1) },
      { what: 'welcome', client: 1, socket: 2, positions: positions(5) },
      { what: 'recovered', client: 1, complete: false, reason: 'retention' },
    ];
    expect(await verdict({ history: [...without(HEARD), ...recovery] })).toMatchObject({
      violations: [],
      incomplete: 1,
    });
  });
});

describe('a request', () => {
  const cases: [string, ViolationKind, Story][] = [
    ['that is never settled', 'lost', { history: without(TOLD) }],
    ['that is told twice', 'double', { history: [...GOOD, TOLD] }],
    [
      'that is told again later',
      'double',
      { history: [...GOOD, { what: 'late', client: 1, id: 'r1', at: at(9), status: 'timeout' }] },
    ],
    [
      'that is told the second one of two',
      'double',
      {
        endings: [
          { ...TIMEOUT, offset: 1 },
          { ...ENDING, offset: 9 },
        ],
      },
    ],
    ['that is told what no record says', 'false', { endings: [{ ...ENDING, run: 'another' }] }],
    ['that nothing ends', 'lost', { history: without(TOLD), endings: [] }],
    ['whose acknowledged record is gone', 'lost', { commands: new Map([['r1', [{ ...COMMAND, offset: 7 }]]]) }],
    [
      'that was said to be not carried out, and is in the log',
      'false',
      { history: [...without(TOLD), { what: 'told', client: 1, n: 1, status: 'unavailable' }] },
    ],
    [
      'of which nobody knows, though its client was there all the time',
      'lost',
      { history: [...without(TOLD), { what: 'told', client: 1, n: 1, status: 'unknown' }] },
    ],
    [
      'of which nobody knew, and whose outcome is never told',
      'lost',
      {
        history: [
          ...without(TOLD),
          { what: 'closed', client: 1, socket: 1 },
          { what: 'told', client: 1, n: 1, status: 'unknown' },
        ],
      },
    ],
    [
      'whose result reaches somebody else',
      'false',
      { history: [...GOOD, { what: 'result', client: 2, socket: 1, id: 'r1', at: at(1) }] },
    ],
    [
      'that is forbidden',
      'false',
      { history: [...without(TOLD), { what: 'told', client: 1, n: 1, status: 'forbidden' }] },
    ],
  ];
  it.each(cases)('%s is found: %s', async (_, kind, story) => {
    expect(await wrongs(story)).toContain(kind);
  });

  it('that stands in the log before an earlier one of its socket and key is found: disorder', async () => {
    const second: Happening[] = [
      { what: 'asked', client: 1, n: 2, command: 'Quick', key: 'a', ttl: 1_000 },
      { what: 'sent', client: 1, n: 2, id: 'r2', socket: 1, age: 0 },
      { what: 'told', client: 1, n: 2, status: 'unavailable' },
    ];
    const commands = new Map([
      ['r1', [{ ...COMMAND, offset: 5 }]],
      ['r2', [{ ...COMMAND, n: 2, offset: 4 }]],
    ]);
    const { violations } = await verdict({ history: [...without(ACCEPTED), ...second], commands });
    expect(violations).toContainEqual(expect.objectContaining({ kind: 'disorder' }));
  });
});

describe('an event', () => {
  const next: WrittenEvent = { ...EVENT, offset: 3, id: 'e2' };
  const heard: Happening = { what: 'event', client: 1, at: at(3), id: 'e2', type: 'Quicker.Done' };
  const cases: [string, ViolationKind, Story][] = [
    ['that never comes', 'lost', { history: without(HEARD) }],
    ['that comes twice', 'double', { history: [...GOOD, HEARD] }],
    ['that comes after a later one', 'disorder', { history: [...without(HEARD), heard, HEARD], events: [EVENT, next] }],
    ['that is in no log', 'false', { history: [...GOOD, heard] }],
    [
      'that was left out, though the client was told that it has all',
      'lost',
      {
        history: [
          ...without(HEARD),
          { what: 'hello', client: 1, socket: 2, positions: positions(1) },
          { what: 'welcome', client: 1, socket: 2, positions: positions(5) },
          { what: 'recovered', client: 1, complete: true },
        ],
      },
    ],
    [
      'of a type that a client does not listen to',
      'false',
      { history: [{ what: 'joined', client: 1, hears: 'Slower.Done' }, ...GOOD.slice(1)] },
    ],
    [
      'that a gateway sends again on one socket',
      'disorder',
      { history: [...GOOD, { what: 'wrong', client: 1, code: 'wire_order', message: 'again' }] },
    ],
  ];
  it.each(cases)('%s is found: %s', async (_, kind, story) => {
    expect(await wrongs(story)).toContain(kind);
  });
});

describe('an effect', () => {
  const behind: WrittenEvent = { ...EVENT, offset: 3, id: 'e2' };
  const cases: [string, ViolationKind, Story][] = [
    ['that happens twice', 'double', { effects: [EFFECT, { ...EFFECT, run: 'again' }, SEEN] }],
    ['of an event that happens twice', 'double', { effects: [EFFECT, SEEN, { ...SEEN, run: 'again' }] }],
    ['whose answer was told is gone', 'lost', { effects: [{ ...EFFECT, run: 'another' }, SEEN] }],
    ['whose event is not in the log', 'lost', { events: [], effects: [EFFECT], history: without(HEARD) }],
    ['that published two events', 'double', { events: [EVENT, behind] }],
    ['of an event that is never handled', 'lost', { effects: [EFFECT] }],
    ['of a step that is never handled', 'lost', { steps: [{ partition: 0, offset: 5, id: 's', n: 1, key: 'a' }] }],
    ['of what threw', 'false', { effects: [EFFECT, SEEN, { ...EFFECT, what: 'Fail', n: 9 }] }],
    [
      'that comes before that of an earlier record of its key',
      'disorder',
      { events: [EVENT, behind], effects: [EFFECT, { ...SEEN, message: 'e2', offset: 3 }, SEEN] },
    ],
  ];
  it.each(cases)('%s is found: %s', async (_, kind, story) => {
    expect(await wrongs(story)).toContain(kind);
  });
});

describe('what a process holds after the load', () => {
  const base = { member: 'gateway 1', role: 'gateway', heap: 40_000_000, rss: 0, handles: 20, timers: 10 };

  it('may be somewhat more, also in one that was started anew', () => {
    const violations = new Violations();
    checkUse([base], [{ ...base, member: 'gateway 2', heap: 45_000_000, timers: 12 }], violations);
    expect(violations.first).toEqual([]);
  });

  it.each([
    ['memory', { heap: 80_000_000 }],
    ['handles', { handles: 60 }],
    ['timers', { timers: 90 }],
  ])('is found where it has grown: %s', (_, more) => {
    const violations = new Violations();
    checkUse([base], [{ ...base, ...more }], violations);
    expect(violations.counts.growth).toBe(1);
  });
});
