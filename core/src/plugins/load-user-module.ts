import { transformSync } from '@swc/core';
import { readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import path from 'node:path';

/** Node's loader as it is at run time; its hooks for require are not in its types. */
interface ModuleInternals {
  _extensions: Record<string, Loader>;
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

/**
 * Loads one file of the user's (config or plugin) and what it imports. TypeScript and ES module
 * syntax are compiled, with decorators and their metadata, outside node_modules and dist folders;
 * '@sledge/core' is always the host's own copy, wherever the file lies. Main thread.
 */
export function loadUserModule(file: string): unknown {
  install();
  const loaded: unknown = createRequire(file)(file);
  return defaultExport(loaded);
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
      if (isUserFile(filename)) module._compile(compile(filename), filename, 'commonjs');
      else previous?.(module, filename);
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
function isUserFile(filename: string): boolean {
  if (filename.includes(`${path.sep}node_modules${path.sep}`)) return false;
  return !(filename.startsWith(HOST_ROOT) && filename.includes(`${path.sep}dist${path.sep}`));
}

function compile(filename: string): string {
  const isTypeScript = /\.c?ts$/.test(filename);
  const { code } = transformSync(readFileSync(filename, 'utf8'), {
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
