import ts from 'typescript';

/** A test of a suite. */
export interface TestTitle {
  /** Its own title; placeholders of `it.each` and of templates are an ellipsis. */
  readonly title: string;
  /** The titles of the blocks around it and its own, joined by `›`. */
  readonly path: string;
}

/** What begins a block of tests, and what is one: ours, vitest's, and those of the conformance suite. */
const BLOCK = /^describe/;
const TEST = /^(it|test|rule)$/;
const LEFT_OUT = new Set(['skip', 'todo']);
/** What vitest and JavaScript fill in when the suite runs. */
const PLACEHOLDER = /%[sdifjoOc#]|\$[A-Za-z_][\w.]*/g;

/** The tests that the source of a suite declares, read without running it. Those that are skipped whatever happens do not count. */
export function testTitlesIn(source: string): TestTitle[] {
  const found: TestTitle[] = [];
  const walk = (node: ts.Node, blocks: readonly string[]): void => {
    const declared = ts.isCallExpression(node) ? declarationOf(node) : undefined;
    if (declared?.leftOut) return;
    if (declared && !declared.isBlock)
      found.push({ title: declared.title, path: [...blocks, declared.title].join(' › ') });
    const inner = declared?.isBlock ? [...blocks, declared.title] : blocks;
    ts.forEachChild(node, (child) => walk(child, inner));
  };
  walk(ts.createSourceFile('suite.ts', source, ts.ScriptTarget.Latest), []);
  return found;
}

interface Declaration {
  readonly title: string;
  readonly isBlock: boolean;
  readonly leftOut: boolean;
}

function declarationOf({ expression, arguments: given }: ts.CallExpression): Declaration | undefined {
  const [root = '', ...modifiers] = namesIn(expression);
  const title = given.length > 1 ? titleOf(given[0]!) : undefined;
  if (title === undefined || !(BLOCK.test(root) || TEST.test(root))) return undefined;
  return { title, isBlock: BLOCK.test(root), leftOut: modifiers.some((name) => LEFT_OUT.has(name)) };
}

/** `it.each(table)` is `it`, `each`. */
function namesIn(expression: ts.Expression): string[] {
  if (ts.isIdentifier(expression)) return [expression.text];
  if (ts.isPropertyAccessExpression(expression)) return [...namesIn(expression.expression), expression.name.text];
  return ts.isCallExpression(expression) ? namesIn(expression.expression) : [];
}

function titleOf(argument: ts.Expression): string | undefined {
  if (ts.isIdentifier(argument)) return '…'; // one of a list of cases
  if (ts.isStringLiteralLike(argument)) return withoutPlaceholders(argument.text);
  if (!ts.isTemplateExpression(argument)) return undefined;
  const parts = argument.templateSpans.map(({ literal }) => `…${withoutPlaceholders(literal.text)}`);
  return withoutPlaceholders(argument.head.text) + parts.join('');
}

function withoutPlaceholders(text: string): string {
  return text.replaceAll(PLACEHOLDER, '…');
}
