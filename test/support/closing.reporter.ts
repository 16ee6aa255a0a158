import { readdirSync } from 'node:fs';
import type { Reporter, TestModule, TestRunEndReason, Vitest } from 'vitest/node';

type Counts = Record<'passed' | 'failed' | 'skipped', number>;

/**
 * Ends the output with one line, `N passed, N failed, N skipped`, and fails a run while a file in test/ has a name that
 * keeps it from ever being run.
 */
export default class ClosingReporter implements Reporter {
  private root = '.';
  /** A run that does not come to its end has failed. */
  private counts: Counts = { passed: 0, failed: 1, skipped: 0 };

  onInit(vitest: Vitest): void {
    this.root = vitest.config.root;
    // Only at the exit nothing can follow any more: coverage and the teardown report later than `onTestRunEnd`.
    process.once('exit', () => {
      const { passed, failed, skipped } = this.counts;
      process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
    });
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[], reason: TestRunEndReason): void {
    this.counts = countTests(modules);
    this.counts.failed += unhandled.length;
    // Such as a real part that could not be had on CI.
    if (reason !== 'passed' && this.counts.failed === 0) this.counts.failed = 1;
    for (const file of findStrays(this.root)) {
      this.counts.failed += 1;
      process.exitCode = 1;
      console.error(
        `${file} is never run: call it *.spec.ts, or put it into test/support, test/fixtures or test/faults.`,
      );
    }
  }
}

function countTests(modules: readonly TestModule[]): Counts {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const module of modules) {
    const failedBefore = counts.failed;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      counts[state === 'pending' ? 'skipped' : state] += 1;
    }
    // A suite that does not load, or whose beforeAll fails, has no failed test, yet it did not pass.
    if (!module.ok() && counts.failed === failedBefore) counts.failed += 1;
  }
  return counts;
}

function findStrays(root: string): string[] {
  return readdirSync(`${root}/test`, { recursive: true, encoding: 'utf8' })
    .map((file) => `test/${file.replaceAll('\\', '/')}`)
    .filter((file) => /\.[cm]?[jt]sx?$/.test(file))
    .filter((file) => !file.endsWith('.spec.ts') && !/^test\/(support|fixtures|faults)\//.test(file))
    .sort();
}
