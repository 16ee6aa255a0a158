import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GUARANTEES, guarantees, type Proof } from './support/guarantees.page.js';
import { Markdown, ROOT } from './support/markdown.js';
import { type TestTitle, testTitlesIn } from './support/test.titles.js';

const sentences = await guarantees();
const page = await Markdown.read(GUARANTEES);
const suites = new Map<string, Promise<readonly TestTitle[]>>();

/** What the tests of a suite are called; none where it is not there, or is none that is run. */
function testsOf(file: string): Promise<readonly TestTitle[]> {
  const known = suites.get(file);
  if (known) return known;
  const isRun = /^test\/[\w.-]+\.spec\.ts$|^conformance\/rules\/[\w.-]+\.ts$/.test(file);
  const there = isRun && existsSync(join(ROOT, file));
  const tests = there ? readFile(join(ROOT, file), 'utf8').then(testTitlesIn) : Promise.resolve([]);
  suites.set(file, tests);
  return tests;
}

/** What is wrong with a proof; undefined where it names one test and no other. */
async function faultIn({ file, title }: Proof): Promise<string | undefined> {
  const tests = await testsOf(file);
  if (!/\p{L}/u.test(title)) return `${file} is named without a title`;
  if (tests.length === 0) return `${file || 'no file'} is no suite that is run`;
  const { length } = tests.filter((test) => test.title === title || test.path === title);
  return length === 1 ? undefined : `${file} has ${length === 0 ? 'no' : 'more than one'} test "${title}"`;
}

describe('each sentence of docs/guarantees.md', () => {
  it('is there', () => {
    expect(sentences.length).toBeGreaterThan(60);
    expect(page.text.match(/^- \*\*[GN][\d.]+\*\* /gm)).toHaveLength(sentences.length);
  });

  it('has a name of its own, in the order of the page', () => {
    const numbers = sentences.map(({ id }) => id.slice(1).split('.').map(Number));
    const kinds = sentences.map(({ id }) => id[0]).join('');
    expect(kinds).toMatch(/^G+N+$/);
    for (const kind of ['G', 'N']) {
      const own = numbers.filter((_, index) => kinds[index] === kind);
      const ascending = own.every((one, index) => index === 0 || isBefore(own[index - 1]!, one));
      expect(ascending, `${kind}: ${own.map((one) => one.join('.')).join(' ')}`).toBe(true);
    }
  });

  it('names a test that shows it, says why it holds without one, or is not promised', () => {
    const bare = sentences.filter(({ id, proofs, reasoning }) => {
      return id.startsWith('G') && proofs.length === 0 && !reasoning;
    });
    expect(bare.map(({ id }) => id)).toEqual([]);
  });

  it('names only tests that there are', async () => {
    const faults = await Promise.all(
      sentences.map(async ({ id, proofs }) => {
        const found = await Promise.all(proofs.map(faultIn));
        return found.filter((fault) => fault !== undefined).map((fault) => `${id}: ${fault}`);
      }),
    );
    expect(faults.flat()).toEqual([]);
  });
});

function isBefore([chapter = 0, number = 0]: readonly number[], [next = 0, other = 0]: readonly number[]): boolean {
  return chapter < next || (chapter === next && number < other);
}

describe('docs/guarantees.md', () => {
  it('has links that lead to something that is there', async () => {
    const broken: string[] = [];
    for (const link of page.links) {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? GUARANTEES : join(dirname(GUARANTEES), path);
      if (!existsSync(join(ROOT, target))) broken.push(link);
      else if (anchor !== undefined && !(await Markdown.read(target)).anchors.includes(anchor)) broken.push(link);
    }
    expect(broken).toEqual([]);
  });

  it('has a picture that is as wide in every line', () => {
    const [picture] = page.code('text');
    expect(new Set(picture!.split('\n').map((line) => line.length)).size).toBe(1);
  });
});

describe('the titles of a suite', () => {
  it('are read from its source, with an ellipsis where the run fills something in', () => {
    const titles = testTitlesIn(`
      describe.each(KINDS)('a log (%s)', (kind) => {
        it('keeps it', () => {});
        it.each([1])(\`takes $count of \${kind}\`, { timeout: 1 }, () => {});
        describe.skip('not now', () => it('is left out', () => {}));
        it.todo('is left out', () => {});
      });
      for (const name of NAMES) describeWithKafka(\`on \${name}\`, () => rule("it's there", () => {}));
      describe('a contract', () => { for (const { title, check } of CASES) it(title, check); });
    `);

    expect(titles).toEqual([
      { title: 'keeps it', path: 'a log (…) › keeps it' },
      { title: 'takes … of …', path: 'a log (…) › takes … of …' },
      { title: "it's there", path: "on … › it's there" },
      { title: '…', path: 'a contract › …' },
    ]);
  });
});
