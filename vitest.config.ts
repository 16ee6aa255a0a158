import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest.first.js';

const lib = (file: string) => fileURLToPath(new URL(`./lib/${file}`, import.meta.url));

export default defineConfig({
  // Nest injects by the types of constructor parameters, which only this metadata keeps.
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  resolve: {
    alias: [
      { find: /^nestjs-kafka-socket$/, replacement: lib('index.ts') },
      { find: /^nestjs-kafka-socket\/(client|testing)$/, replacement: lib('$1/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.spec.ts'],
    globalSetup: ['test/support/global.setup.ts'],
    reporters: ['default', './test/support/closing.reporter.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // The machine that this must pass on has two cores, and Kafka and Chromium want one of them. Two suites at a time left a third
    // of both idle, as most of what takes long waits.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    coverage: {
      provider: 'v8',
      include: ['lib/**/*.ts'],
      reporter: ['text-summary', 'json-summary', 'html'],
      thresholds: { lines: 90 },
    },
  },
});
