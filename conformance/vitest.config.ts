import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: fileURLToPath(new URL('.', import.meta.url)),
    include: ['suite.ts'],
    sequence: { concurrent: true },
    maxConcurrency: 12,
    // The longest heartbeat that is waited for, twice late.
    testTimeout: 60_000,
    reporters: [fileURLToPath(new URL('rules.reporter.ts', import.meta.url))],
  },
});
