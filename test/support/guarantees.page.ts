import { Markdown } from './markdown.js';

/** A sentence of the page on guarantees. */
export interface Guarantee {
  /** `G3.2`, or `N4` of what is not promised. */
  readonly id: string;
  readonly text: string;
  /** What shows it: titles of tests, by the file that they stand in. */
  readonly proofs: readonly Proof[];
  /** Why it holds where no test shows it. */
  readonly reasoning?: string;
}

export interface Proof {
  /** From the root of the repository. */
  readonly file: string;
  readonly title: string;
}

/** The page, and where it lies. */
export const GUARANTEES = 'docs/guarantees.md';

/** A sentence begins a point of a list, and what is indented below it says what shows it. */
const SENTENCE = /^- \*\*((?:G\d+\.|N)\d+)\*\* (.*(?:\n(?: .*|)$)*)/gm;
/** A link to a suite, or a title as code; between two backticks on each side it may hold some itself. */
const PROVED_BY = /\[[^\]]*\]\(\.\.\/([^)]+\.ts)\)|(`+) ?(.+?) ?\2/g;
const REASONING = 'By reasoning:';

export async function guarantees(): Promise<Guarantee[]> {
  const { text } = await Markdown.read(GUARANTEES);
  return [...text.matchAll(SENTENCE)].map(([, id, body]) => sentenceOf(id!, body!));
}

function sentenceOf(id: string, body: string): Guarantee {
  const [text = '', ...below] = body.split(/\n {2}- /).map((part) => part.trim());
  const reasoning = below.find((line) => line.startsWith(REASONING))?.slice(REASONING.length);
  const proofs = below.filter((line) => !line.startsWith(REASONING)).flatMap(proofsIn);
  return { id, text, proofs, ...(reasoning !== undefined && { reasoning: reasoning.trim() }) };
}

/** A link to a suite, and the titles that follow it. */
function proofsIn(line: string): Proof[] {
  let file = '';
  const proofs: Proof[] = [];
  for (const [, link, , title] of line.matchAll(PROVED_BY)) {
    if (link !== undefined) file = link;
    else proofs.push({ file, title: title! });
  }
  // A suite without a title would prove anything.
  return proofs.length > 0 ? proofs : [{ file, title: '' }];
}
