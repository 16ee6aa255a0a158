import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeBreadCrumbs,
  encodeBreadCrumbs,
  MAX_BREAD_CRUMBS_BYTES,
  peekBreadCrumb,
} from '../lib/message/bread-crumbs.codec.js';
import type { BreadCrumbs } from '../lib/message/bread-crumbs.js';
import { MalformedMessageError } from '../lib/message/message.errors.js';
import { isTerminal } from '../lib/message/outcome.rule.js';
import { anyCrumbs, crumbSoup } from './support/arbitrary.messages.js';

describe('bread crumbs', () => {
  it('read as they were written', () => {
    fc.assert(
      fc.property(anyCrumbs, (written) => {
        expect(decodeBreadCrumbs(encodeBreadCrumbs(written), 'id')).toEqual(written);
      }),
    );
  });

  it('are peeked at one by one, as they stand', () => {
    fc.assert(
      fc.property(anyCrumbs, (written) => {
        const header = encodeBreadCrumbs(written);
        for (const pair of header.split(';')) {
          expect(peekBreadCrumb(header, pair.split('=')[0]!)).toBe(pair.split('=')[1]);
        }
        expect(peekBreadCrumb(header, 'absent!')).toBeUndefined();
      }),
    );
  });

  it('that are nearly right say the same about the outcome to who peeks and to who reads', () => {
    let read = 0;
    fc.assert(
      fc.property(crumbSoup, (soup) => {
        const crumbs = decoded(soup);
        if (!crumbs) return;
        expect(isTerminal({ ce_type: 'result.A', ce_breadcrumbs: soup })).toBe(crumbs.final === true);
        read++;
      }),
      { numRuns: 2_000 },
    );
    expect(read).toBeGreaterThan(50); // else the soup proves nothing
  });

  it('change no prototype', () => {
    const { others } = decodeBreadCrumbs('__proto__=x;constructor=y', 'id');

    expect(Object.keys(others!)).toEqual(['__proto__', 'constructor']);
    expect(Object.getPrototypeOf(others)).toBe(Object.prototype);
  });

  it('of a message without any correlate to the message itself', () => {
    expect(decodeBreadCrumbs('', 'its-id')).toEqual({ correlationId: 'its-id', attempt: 1 });
  });

  it('count once where a name is repeated: the first time', () => {
    expect(decodeBreadCrumbs('session=first;session=second;a=1;a=2', 'id')).toMatchObject({
      sessionId: 'first',
      others: { a: '1' },
    });
    expect(peekBreadCrumb('final=0;final=1', 'final')).toBe('0');
  });

  it.each<[string, Partial<BreadCrumbs>]>([
    ['a name that is none', { others: { 'x y': '' } }],
    ['one of our names among the unknown', { others: { session: 'mine' } }],
    ['half a character', { user: '\ud83d' }],
    ['a deadline between two milliseconds', { deadline: 1.5 }],
    ['a deadline before all time', { deadline: -1 }],
    ['no number', { attempt: NaN }],
    ['a reply to no topic', { reply: { topic: '', partition: 0 } }],
    ['a reply to half a partition', { reply: { topic: 'a', partition: 0.5 } }],
    ['more than a header may hold', { user: 'x'.repeat(MAX_BREAD_CRUMBS_BYTES) }],
    ['more than a header may hold once escaped', { user: '🕰'.repeat(MAX_BREAD_CRUMBS_BYTES / 8) }],
  ])('are not written with %s, which no reader would take', (_, changes) => {
    expect(() => encodeBreadCrumbs({ correlationId: 'c', attempt: 1, ...changes })).toThrow(MalformedMessageError);
  });

  it('hold 8 KiB and not a byte more', () => {
    const room = MAX_BREAD_CRUMBS_BYTES - encodeBreadCrumbs({ correlationId: 'c', attempt: 1, user: '' }).length;
    const full = encodeBreadCrumbs({ correlationId: 'c', attempt: 1, user: 'x'.repeat(room) });

    expect(decodeBreadCrumbs(full, 'id').user).toHaveLength(room);
    expect(() => decodeBreadCrumbs(`${full}x`, 'id')).toThrow(MalformedMessageError);
    expect(() => decodeBreadCrumbs(`user=${'é'.repeat(MAX_BREAD_CRUMBS_BYTES / 2)}`, 'id')).toThrow(
      MalformedMessageError,
    );
  });
});

function decoded(text: string): BreadCrumbs | undefined {
  try {
    return decodeBreadCrumbs(text, 'id');
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedMessageError);
    return undefined;
  }
}
