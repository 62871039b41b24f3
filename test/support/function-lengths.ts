import ts from 'typescript';

export interface FunctionLength {
  name: string;
  /** From its first line to its closing brace. */
  lines: number;
}

/** Lengths of the functions of a TypeScript, JavaScript, C or C++ file. */
export function functionLengths(file: string, text: string): FunctionLength[] {
  if (/\.[mc]?[jt]s$/.test(file)) return scriptFunctions(file, text);
  return /\.(c|h|cpp|hpp)$/.test(file) ? nativeFunctions(text) : [];
}

function nameOf(node: ts.Node, line: number): string {
  const named = node as { name?: ts.Node };
  return named.name === undefined ? `function at line ${line}` : named.name.getText();
}

/** What only groups tests is no function in this sense: `describe(...)`, `describeSandbox()`. */
function isGroup(node: ts.Node): boolean {
  if (ts.isFunctionDeclaration(node) && /^describe/.test(node.name?.text ?? '')) return true;
  return ts.isCallExpression(node.parent) && /\bdescribe\b/.test(node.parent.expression.getText());
}

function scriptFunctions(file: string, text: string): FunctionLength[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: FunctionLength[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined && !isGroup(node)) {
      const first = source.getLineAndCharacterOfPosition(node.getStart()).line;
      const last = source.getLineAndCharacterOfPosition(node.getEnd()).line;
      found.push({ name: nameOf(node, first + 1), lines: last - first + 1 });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** Blanks comments and literals, so that braces in them do not count. */
function withoutLiterals(text: string): string {
  const literal = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g;
  return text.replace(literal, (match) => match.replace(/[^\n]/g, ' '));
}

/** What opens a block of declarations and not of statements. */
const DECLARATIONS = /\b(namespace|class|struct|union|enum|extern)\b[^()=]*$/;

/**
 * A brace scan: a block whose head ends in a parameter list (with qualifiers) is a function, unless
 * it lies in one.
 */
function nativeFunctions(text: string): FunctionLength[] {
  const found: FunctionLength[] = [];
  const open: { line: number; head: string; function: boolean }[] = [];
  let line = 1;
  let head = '';
  for (const character of withoutLiterals(text)) {
    if (character === '\n') line += 1;
    if (character === '{') {
      const inside = open.some((block) => block.function);
      const isFunction = !inside && /\)[^()]*$/.test(head) && !DECLARATIONS.test(head);
      open.push({ line: line - head.trim().split('\n').length + 1, head, function: isFunction });
      head = '';
    } else if (character === '}') {
      const block = open.pop();
      if (block?.function === true) {
        const name = /([\w:~]+)\s*\(/.exec(block.head)?.[1] ?? 'function';
        found.push({ name, lines: line - block.line + 1 });
      }
      head = '';
    } else if (character === ';') {
      head = '';
    } else {
      head += character;
    }
  }
  return found;
}
