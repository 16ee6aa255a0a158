import { describe, expect, it } from 'vitest';
import { check } from './faults/history/checker.js';
import type { Entry, Happening } from './faults/history/entry.js';
import {
  ACCEPTED,
  asked,
  at,
  CLOSED,
  COMMAND,
  EFFECT,
  ENDING,
  EVENT,
  GOOD,
  HEARD,
  heardAs,
  JOINED,
  LATE,
  positions,
  reconnected,
  SEEN,
  SENT,
  SENT_AGAIN,
  type Story,
  TIMEOUT,
  TOLD,
  toldOf,
  TOPIC,
  verdict,
  without,
  wrongs,
} from './faults/history/story.js';
import { checkUse } from './faults/history/use.check.js';
import { type ViolationKind, Violations } from './faults/history/violation.js';
import type { WrittenEvent, WrittenLog } from './faults/history/written.log.js';

/** Nothing came of the command. */
const NOTHING: Story = { commands: new Map(), endings: [], events: [], effects: [] };

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
    const late = { ...LATE, at: at(1), status: 'success', run: ENDING.run } as Happening;
    const history = [...toldOf({ status: 'unknown' }, CLOSED), late];
    expect((await verdict({ history })).violations).toEqual([]);
  });

  it('may have an answer behind its time-out, whose effect stands', async () => {
    const history = toldOf({ status: 'timeout' });
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
    const story = { history: SENT_AGAIN, endings: [{ ...TIMEOUT, partition: 3 }, ENDING], widened: true };
    expect((await verdict(story)).violations).toEqual([]);
  });

  it('may tell a second outcome when nobody remembers the first one any more', async () => {
    const story = { history: [...GOOD, { ...LATE, t: 70_000 }], endings: [ENDING, TIMEOUT] };
    expect((await verdict(story)).violations).toEqual([]);
  });

  it('may have time-outs of what had its time, and of anything that had little while things were broken', async () => {
    const inTime = asked(900, { status: 'timeout' }, true);
    const story = { events: [], effects: [], endings: [TIMEOUT] };
    expect((await verdict({ ...story, history: inTime })).violations).toEqual([]);
    const broken = asked(25_000, { status: 'unavailable' }, false);
    expect((await verdict({ ...NOTHING, history: broken })).violations).toEqual([]);
  });

  it('may bring what was missed behind what was live before', async () => {
    const history = [...without(HEARD), ...reconnected(positions(1), {}), HEARD];
    expect(await verdict({ history })).toMatchObject({ violations: [], reconnects: 1, incomplete: 0 });
  });

  it('says for how long no command of some partition succeeded', async () => {
    const numbers = [1, 2, 3, 4];
    const history = numbers.flatMap((n): Entry[] => {
      const [id, partition] = [`r${n}`, n === 2 ? 1 : 0];
      return [
        { t: 0, client: 1, what: 'asked', n, command: 'Quick', key: 'a', ttl: 1_000 },
        { t: 0, client: 1, what: 'sent', n, id, socket: 1, age: 0 },
        { t: 0, client: 1, what: 'accepted', id, at: [TOPIC, partition, '0'] },
        { t: n * 100, client: 1, what: 'told', n, status: 'success' },
      ];
    });
    const log: WrittenLog = { commands: new Map(), endings: new Map(), events: new Map(), steps: [] };
    const spans = [
      { from: 150, to: 450 },
      { from: 250, to: 450 },
      { from: 0, to: 90 },
    ];
    expect((await check({ history, log, effects: [], spans })).standstills).toEqual([150, 200, 0]);
  });
});

describe('a request', () => {
  const cases: [string, ViolationKind, Story][] = [
    ['that is never settled', 'lost', { history: without(TOLD) }],
    ['that is told twice', 'double', { history: [...GOOD, TOLD] }],
    ['that is told again later', 'double', { history: [...GOOD, LATE] }],
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
    [
      'that is told its time-out before its time',
      'false',
      { history: asked(5_000, { status: 'timeout' }, false), endings: [TIMEOUT] },
    ],
    [
      'that is not carried out in its time, and nothing is broken',
      'lost',
      { history: asked(25_000, { status: 'timeout' }, true), endings: [TIMEOUT], events: [], effects: [] },
    ],
    [
      'that is refused, and nothing is broken',
      'lost',
      { ...NOTHING, history: asked(25_000, { status: 'unavailable' }, true) },
    ],
    [
      'that was sent once, and ends in two partitions',
      'double',
      { endings: [{ ...TIMEOUT, partition: 3 }, ENDING], widened: true },
    ],
    [
      'that was sent again, and ends in two partitions, of which none was added',
      'double',
      { history: SENT_AGAIN, endings: [{ ...TIMEOUT, partition: 3 }, ENDING] },
    ],
    ['that is told late what no record says', 'false', { history: [...GOOD, { ...LATE, t: 70_000 }] }],
    ['that is told success by nobody', 'false', { history: toldOf({}) }],
    ['that nothing ends', 'lost', { history: without(TOLD), endings: [] }],
    ['whose acknowledged record is gone', 'lost', { commands: new Map([['r1', [{ ...COMMAND, offset: 7 }]]]) }],
    ['that was said to be not carried out, and is in the log', 'false', { history: toldOf({ status: 'unavailable' }) }],
    [
      'of which nobody knows, though its client was there all the time',
      'lost',
      { history: toldOf({ status: 'unknown' }) },
    ],
    [
      'of which nobody knew, and whose outcome is never told',
      'lost',
      { history: toldOf({ status: 'unknown' }, CLOSED) },
    ],
    [
      'whose result reaches somebody else',
      'false',
      { history: [...GOOD, { what: 'result', client: 2, socket: 1, id: 'r1', at: at(1) }] },
    ],
    ['that is forbidden', 'false', { history: toldOf({ status: 'forbidden' }) }],
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
      { history: [...without(HEARD), ...reconnected(positions(1), {})] },
    ],
    [
      'that was left out, though the client was told that it has not all',
      'lost',
      { history: [...without(HEARD), ...reconnected(positions(1), { complete: false, reason: 'limit' })] },
    ],
    [
      'that was lost before the client asked for what it had missed behind it',
      'lost',
      { history: [...without(HEARD), ...reconnected(positions(2), { complete: false, reason: 'limit' })] },
    ],
    [
      'that is said to be out of reach, and is in the log',
      'false',
      { history: [...GOOD, ...reconnected(positions(2), { complete: false, reason: 'retention' })] },
    ],
    ['that nobody has missed, and nobody asked for', 'false', { history: [...GOOD, ...reconnected({}, {})] }],
    ['that is told under another id', 'false', { history: heardAs({ id: 'e9' }) }],
    ['that is told as one of another type', 'false', { history: heardAs({ type: 'Slower.Done' }) }],
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
    [
      'whose answer is in the log and was told to nobody is gone',
      'lost',
      { endings: [ENDING, { ...ENDING, offset: 8, run: 'another' }] },
    ],
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
