import { transformSync } from '@swc/core';
import { readFileSync, realpathSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import path from 'node:path';
import { reasonOf } from '../errors/reason';

/** Node's loader as it is at run time; its hooks for require are not in its types. */
interface ModuleInternals {
  _extensions: Record<string, Loader>;
  _pathCache: Record<string, string>;
  _resolveFilename(request: string, ...rest: unknown[]): string;
}
type Loader = (module: CompilableModule, filename: string) => void;
interface CompilableModule {
  _compile(code: string, filename: string, format?: string): void;
}

const internals = Module as unknown as ModuleInternals;
const HOST_CORE = path.join(__dirname, '..', 'index');
const HOST_ROOT = path.resolve(__dirname, '..', '..', '..') + path.sep;
let installed = false;
/** By entry file: what its last load read. */
const readBy = new Map<string, ReadonlySet<string>>();
let reading: Set<string> | undefined;

/**
 * Loads one file of the user's (config or plugin) and what it imports. TypeScript and ES module
 * syntax are compiled, with decorators and their metadata, outside node_modules and dist folders;
 * '@sledge/core' is always the host's own copy, wherever the file lies. Main thread.
 */
export function loadUserModule(file: string): unknown {
  install();
  const before = reading;
  reading = new Set();
  try {
    const require = createRequire(file);
    const loaded: unknown = require(file);
    addTree(require.cache[realPathOf(file)], reading);
    return defaultExport(loaded);
  } finally {
    readBy.set(file, reading);
    reading = before;
  }
}

/**
 * The user's files that the last load of this one read, itself first: paths without symbolic links.
 * After a load that failed: those that were read before it did. Main thread.
 */
export function userModuleFiles(file: string): readonly string[] {
  return [...new Set([realPathOf(file), ...(readBy.get(file) ?? [])])];
}

/**
 * The next load reads this file and the user's files that it imports anew; what has been loaded
 * already stays as it is. ES modules without a compiled form (.mjs) are kept by Node. Main thread.
 */
export function forgetUserModule(file: string): void {
  const { cache } = createRequire(file);
  const forgotten = new Set(userModuleFiles(file));
  addTree(cache[realPathOf(file)], forgotten);
  for (const one of forgotten) Reflect.deleteProperty(cache, one);
  const found = internals._pathCache ?? {};
  for (const [request, one] of Object.entries(found)) {
    if (forgotten.has(one)) Reflect.deleteProperty(found, request);
  }
}

function addTree(root: NodeModule | undefined, files: Set<string>, seen = new Set<string>()): void {
  if (root === undefined || seen.has(root.filename) || !isUserFile(root.filename)) return;
  seen.add(root.filename);
  files.add(root.filename);
  for (const child of root.children) addTree(child, files, seen);
}

function realPathOf(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}

/** The default export of a module; for one without ES module syntax what it exports. */
export function defaultExport(loaded: unknown): unknown {
  if (typeof loaded !== 'object' || loaded === null) return loaded;
  if ('default' in loaded) return loaded.default;
  return '__esModule' in loaded ? undefined : loaded;
}

function install(): void {
  if (installed) return;
  installed = true;
  for (const extension of ['.ts', '.cts', '.js', '.cjs']) {
    const previous = internals._extensions[extension] ?? internals._extensions['.js'];
    internals._extensions[extension] = (module, filename) => {
      if (!isUserFile(filename)) {
        previous?.(module, filename);
        return;
      }
      reading?.add(filename);
      module._compile(compile(filename), filename, 'commonjs');
    };
  }
  const resolveFilename = internals._resolveFilename.bind(internals);
  internals._resolveFilename = (request, ...rest) => {
    if (request === '@sledge/core') return resolveFilename(HOST_CORE, module);
    try {
      return resolveFilename(request, ...rest);
    } catch (error) {
      if (!request.startsWith('@sledge/')) throw error;
      return resolveFilename(request, module);
    }
  };
}

/** What is installed, or built of Sledge itself, is left to Node. */
export function isUserFile(filename: string): boolean {
  if (filename.includes(`${path.sep}node_modules${path.sep}`)) return false;
  return !(filename.startsWith(HOST_ROOT) && filename.includes(`${path.sep}dist${path.sep}`));
}

function compile(filename: string): string {
  const text = readFileSync(filename, 'utf8');
  try {
    return transformed(text, filename);
  } catch (error) {
    throw new SyntaxError(syntaxProblem(filename, reasonOf(error)), { cause: error });
  }
}

/** `file:line: what` of a compiler's message that draws the place and adds a trace of its own. */
function syntaxProblem(filename: string, message: string): string {
  const place = /,-\[(.+):(\d+):\d+\]/.exec(message);
  const what = message.split('\n')[0]?.replace(/^\s*x\s+/, '') ?? message;
  return `${filename}${place === null ? '' : `:${place[2]}`}: ${what}`;
}

function transformed(text: string, filename: string): string {
  const isTypeScript = /\.c?ts$/.test(filename);
  const { code } = transformSync(text, {
    filename,
    configFile: false,
    swcrc: false,
    sourceMaps: 'inline',
    module: { type: 'commonjs' },
    jsc: {
      target: 'es2022',
      parser: isTypeScript
        ? { syntax: 'typescript', decorators: true }
        : { syntax: 'ecmascript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: isTypeScript },
    },
  });
  return code;
}
