import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** The repository's own directory. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** One of the documents at the top of the repository. */
export class Markdown {
  private constructor(readonly text: string) {}

  static async read(name: string): Promise<Markdown> {
    return new Markdown(await readFile(`${ROOT}${name}`, 'utf8'));
  }

  /** The part below a heading, up to the next one of its level or above. */
  section(heading: string): Markdown {
    const headings = this.headings;
    const start = headings.findIndex(({ text }) => text === heading);
    if (start === -1) throw new Error(`There is no heading "${heading}".`);
    const { level, end } = headings[start]!;
    const next = headings.slice(start + 1).find((other) => other.level <= level);
    return new Markdown(this.text.slice(end, next?.begin));
  }

  /** What stands in its code blocks of a language. */
  code(language: string): string[] {
    return [...this.text.matchAll(/^```(\w*)\n(.*?)\n```$/gms)]
      .filter((block) => block[1] === language)
      .map((block) => block[2]!);
  }

  /** The cells of each of its tables, row by row, without the head. */
  get tables(): string[][][] {
    const blocks = this.text.match(/(?:^\|.*\|$\n?)+/gm) ?? [];
    return blocks.map((block) => block.trim().split('\n').slice(2).map(cells));
  }

  /** Where its links lead that stay in the repository: a path, an anchor, or both. */
  get links(): string[] {
    return [...this.withoutCode.matchAll(/\]\(([^)\s]+)\)/g)]
      .map((link) => link[1]!)
      .filter((target) => !/^[a-z]+:/.test(target));
  }

  /** What its headings can be reached by, as GitHub makes it. */
  get anchors(): string[] {
    return this.headings.map(({ text }) =>
      text
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    );
  }

  private get headings() {
    return [...this.withoutCode.matchAll(/^(#+) (.+)$/gm)].map(({ 0: line, 1: marks, 2: text, index }) => ({
      level: marks!.length,
      text: text!.replaceAll('`', '').trim(),
      begin: index,
      end: index + line.length,
    }));
  }

  /** As long as it is, with blanks where the code stands. */
  private get withoutCode(): string {
    return this.text.replaceAll(/^```.*?^```$/gms, (code) => ' '.repeat(code.length));
  }
}

/** The texts in backticks of a cell. */
export function quoted(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
}

function cells(row: string): string[] {
  return row
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());
}
