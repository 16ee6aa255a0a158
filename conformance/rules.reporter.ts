import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** Tells of each rule whether the gateway keeps it, and of each that was not looked at, why. */
export default class RulesReporter implements Reporter {
  private readonly counts = { held: 0, broken: 0, notChecked: 0 };

  onTestCaseResult(test: TestCase): void {
    const result = test.result();
    if (result.state === 'passed') this.counts.held += tell('✓', test.name);
    if (result.state === 'failed') this.counts.broken += tell('✗', test.name);
    // Without a note it was not asked for.
    if (result.state === 'skipped' && result.note)
      this.counts.notChecked += tell('–', `${test.name}: not checked, ${result.note}`);
    for (const { message, diff } of result.errors ?? []) console.log(indented(`${message}\n${diff ?? ''}`));
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly { message: string }[]): void {
    for (const { message } of [...modules.flatMap((module) => module.errors()), ...unhandled]) {
      this.counts.broken += tell('✗', `the suite itself broke: ${message}`);
    }
    const { held, broken, notChecked } = this.counts;
    console.log(`\n${held} held, ${broken} broken, ${notChecked} not checked`);
    const conforms = broken === 0 && held > 0;
    console.log(conforms ? 'It conforms, as far as was looked.' : 'It does NOT conform.');
    if (!conforms) process.exitCode = 1;
  }
}

/** @returns 1, for whoever counts */
function tell(mark: string, what: string): number {
  console.log(`${mark} ${what}`);
  return 1;
}

function indented(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, '    ');
}
