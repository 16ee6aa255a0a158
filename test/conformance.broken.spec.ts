import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { breakingProxy, type Breaking, type Closing } from './support/breaking.proxy.js';
import { conformance } from './support/conformance.run.js';
import { SampleProcess } from './support/sample.process.js';

/** Breaks frames of some kind, and leaves the others as they are. */
function where(event: string | RegExp, broken: (data: any, id: string | undefined) => object): Breaking {
  const matches = (name: string) => (typeof event === 'string' ? event === name : event.test(name));
  return (frame) => [matches(frame.event) ? { ...frame, ...broken(frame.data, frame.id) } : frame];
}

const RESULT = /^socket\/.*(?<!\/broadcast)$/;

/** A suite that finds nothing wrong with anything would pass as well: so it has to find these. */
const BROKEN: [what: string, rule: string, breaking: Breaking, closing?: Closing][] = [
  ['answers with ids that nobody gave', 'frame.2', where(/./, (_, id) => ({ id: id ?? 'mine' }))],
  ['closes with another code', 'frame.5', (frame) => [frame], (code) => (code === 4501 ? 4000 : code)],
  [
    'calls every epoch new',
    'welcome.3',
    where('welcome', (data) => ({ data: { ...data, epoch: `${Math.random()}` } })),
  ],
  ['names no place', 'accepted.1', where('accepted', (data) => ({ data: { ...data, at: undefined } }))],
  [
    'changes what is sealed',
    'sealing.1',
    where(RESULT, (data) => ({ data: { ...data, sealed: changed(data.sealed) } })),
  ],
  ['sends an event twice', 'broadcast.1', (frame) => (frame.event.endsWith('/broadcast') ? [frame, frame] : [frame])],
  ['tells what is metadata only', 'broadcast.2', where(/broadcast$/, (data) => ({ data: { data: {}, ...data } }))],
  ['counts one too many', 'recovery.4', where('recovered', (data) => ({ data: { ...data, count: data.count + 1 } }))],
  [
    'calls all complete',
    'recovery.7',
    where('recovered', (data) => ({ data: { ...data, complete: true, reason: undefined } })),
  ],
];

function changed(sealed: { ct: string }): object {
  const bytes = Buffer.from(sealed.ct, 'base64url');
  bytes[0]! ^= 1;
  return { ...sealed, ct: bytes.toString('base64url') };
}

describe('a gateway that is not right', () => {
  let sample: SampleProcess;
  beforeAll(async () => {
    sample = await SampleProcess.start();
  });
  afterAll(() => sample?.stop());

  it.each(BROKEN)('does not pass where it %s: %s', { timeout: 90_000 }, async (_, rule, breaking, closing) => {
    const url = await breakingProxy(sample.socketUrl, breaking, closing);
    const found = await conformance(url, '--only', rule);
    expect(found.code).toBe(1);
    expect(found.broken).toContain(rule);
  });

  it('passes while the proxy between breaks nothing', { timeout: 90_000 }, async () => {
    const url = await breakingProxy(sample.socketUrl, (frame) => [frame]);
    const { output, ...found } = await conformance(url, '--only', 'recovery');
    expect(found, output).toMatchObject({ code: 0, broken: [] });
  });

  it('does not pass where nobody answers', { timeout: 90_000 }, async () => {
    const { code, output } = await conformance('ws://127.0.0.1:9/socket', '--only', 'welcome');
    expect(code).toBe(1);
    expect(output).toContain('It does NOT conform');
  });

  it('does not pass where nothing was looked at', { timeout: 90_000 }, async () => {
    expect(await conformance(sample.socketUrl, '--only', 'no-such-rule')).toMatchObject({ code: 1 });
  });
});
