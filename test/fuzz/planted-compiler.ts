import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { compileFunction } from 'node:vm';
import { ModuleKind, ScriptTarget, transpileModule } from 'typescript';
import type { lowerModule } from '../../plugins/sandbox-awsm/src/compiler/lower';

const FOLDER = join(__dirname, '../../plugins/sandbox-awsm/src/compiler');
const OPTIONS = { module: ModuleKind.CommonJS, target: ScriptTarget.ES2022 };

/** A mistake in one of the compiler's own files: text that stands there once becomes another. */
export interface SourceChange {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

type Exports = Record<string, unknown>;

/** Files as they are, which every planted compiler shares as text. */
const transpiled = new Map<string, string>();

/**
 * A second compiler beside the real one, read from the same sources but for one change. So the
 * shipped compiler needs no switch for mistakes.
 */
export function plantedCompiler(change: SourceChange): typeof lowerModule {
  const loaded = new Map<string, Exports>();
  const changed = join(FOLDER, change.file);
  const load = (path: string): Exports => {
    const known = loaded.get(path);
    if (known !== undefined) return known;
    const module = { exports: {} as Exports };
    loaded.set(path, module.exports);
    const code = path === changed ? compiled(mistaken(path, change)) : asItIs(path);
    const require = (name: string): unknown =>
      name.startsWith('.') ? load(`${resolve(dirname(path), name)}.ts`) : otherModule(name);
    const run = compileFunction(code, ['require', 'module', 'exports', '__filename', '__dirname']);
    run(require, module, module.exports, path, FOLDER);
    return module.exports;
  };
  return load(join(FOLDER, 'lower.ts'))['lowerModule'] as typeof lowerModule;
}

function otherModule(name: string): unknown {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  return require(name);
}

function asItIs(path: string): string {
  const code = transpiled.get(path) ?? compiled(readFileSync(path, 'utf8'));
  transpiled.set(path, code);
  return code;
}

function compiled(text: string): string {
  return transpileModule(text, { compilerOptions: OPTIONS }).outputText;
}

function mistaken(path: string, { from, to }: SourceChange): string {
  const text = readFileSync(path, 'utf8');
  if (text.split(from).length !== 2) throw new Error(`not once in ${path}: ${from}`);
  return text.replace(from, () => to);
}
