import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { plotSvg } from './line.plot.js';
import { resultsPage } from './results.page.js';
import { type KeptRuns, readRuns, writeRuns } from './results.store.js';
import { withMeasured } from './scale.page.js';

// From the package's directory, where `npm run` stands.
const STORE = 'bench/results.json';
const PAGE = 'bench/RESULTS.md';
const PLOTS = 'bench/plots';
const SCALE = 'docs/scale.md';

/** Keeps what was just measured in place of what those benches said before, and writes all that is made of it. */
export function writeResults(measured: KeptRuns): void {
  const runs = { ...readRuns(STORE), ...measured };
  const { markdown, plots } = resultsPage(runs);
  writeRuns(STORE, runs);
  writeFileSync(PAGE, markdown);
  mkdirSync(PLOTS, { recursive: true });
  for (const [file, panels] of Object.entries(plots)) writeFileSync(`${PLOTS}/${file}`, plotSvg(panels));
  writeFileSync(SCALE, withMeasured(readFileSync(SCALE, 'utf8'), runs));
}
