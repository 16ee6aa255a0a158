import { expect, inject, test } from 'vitest';
import { Gateway } from './gateway.js';

/**
 * Looks at one rule of PROTOCOL.md, or at several, which the title names in brackets. Whatever a test is about, all frames that
 * it gets are watched as well.
 */
export const rule = test.extend<{ gateway: Gateway }>({
  // Vitest finds out by the pattern which fixtures this one needs.
  // oxlint-disable-next-line no-empty-pattern
  gateway: async ({}, use) => {
    const gateway = new Gateway(inject('target'));
    await use(gateway);
    await gateway.end();
    expect(gateway.violations).toEqual([]);
  },
});
