import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { plotSvg } from './line.plot.js';
import { resultsPage } from './results.page.js';
import { type KeptRuns, readRuns } from './results.store.js';
import { withMeasured } from './scale.page.js';

// From the package's directory, where `npm run` stands.
const STORE = 'bench/results.json';
const PAGE = 'bench/RESULTS.md';
const PLOTS = 'bench/plots';
const SCALE = 'docs/scale.md';

/** Keeps what was just measured in place of what those benches said before, and writes all that is made of it. */
export async function writeResults(measured: KeptRuns): Promise<void> {
  const runs = { ...readRuns(STORE), ...measured };
  const { markdown, plots } = resultsPage(runs);
  await write(STORE, JSON.stringify(runs));
  await write(PAGE, markdown);
  mkdirSync(PLOTS, { recursive: true });
  for (const [file, panels] of Object.entries(plots)) writeFileSync(`${PLOTS}/${file}`, plotSvg(panels));
  await write(SCALE, withMeasured(readFileSync(SCALE, 'utf8'), runs));
}

/** As the gate wants to see it. */
async function write(file: string, text: string): Promise<void> {
  writeFileSync(file, await format(text, { ...(await resolveConfig(file)), filepath: file }));
}
