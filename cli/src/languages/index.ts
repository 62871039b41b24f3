import { readFileSync, readdirSync, statSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { SledgeError } from '@sledge/core';
import { reasonOf } from '@sledge/core/host';
import { snapshot } from '../snapshot';
import { compileAssemblyScript } from './assemblyscript';
import { compileC } from './c';
import { compileJavaScript } from './javascript';
import { MadeModule } from './made-module';
import { compileRust } from './rust';
import { compileWat } from './wat';

/** Compiles one file; what it says meanwhile, if anything. */
type Compile = (source: string, output: string) => Promise<string | void>;

/** By extension, the longer first. JavaScript is captured whenever it is built. */
const COMPILERS: readonly (readonly [string, Compile])[] = [
  ['.as.ts', compileAssemblyScript],
  ['.c', compileC],
  ['.cpp', (source, output) => compileC(source, output, 'cpp')],
  ['.cc', (source, output) => compileC(source, output, 'cpp')],
  ['.rs', compileRust],
  ['.wat', compileWat],
  ['.ts', compileJavaScript],
  ['.mts', compileJavaScript],
  ['.js', compileJavaScript],
  ['.mjs', compileJavaScript],
];
export const EXTENSIONS = COMPILERS.map(([extension]) => extension);
const NOT_FUNCTIONS = /\.(test|spec|config|d)\.[cm]?[jt]s$/;

export interface SourceOptions {
  /** Folder of the .wasm; default: beside the source. */
  readonly out?: string | undefined;
  /** Capture the state after initialisation. */
  readonly snapshot?: boolean | undefined;
}

export interface MadeSource {
  readonly made: MadeModule;
  /** What the function wrote while its state was captured. */
  readonly log: string;
}

/**
 * The one source of a function's folder: named as the folder, or index.
 * @throws SledgeError SLEDGE_ERR_BUILD_SOURCE when there is none, or more than one.
 */
export function sourceOf(fileOrFolder: string): string {
  const place = path.resolve(fileOrFolder);
  if (statSync(place, { throwIfNoEntry: false })?.isDirectory() !== true) return place;
  const names = readdirSync(place).filter(
    (name) => extensionOf(name) !== undefined && !NOT_FUNCTIONS.test(name),
  );
  const stems = [path.basename(place), 'index'];
  const found = names.filter((name) => stems.includes(stemOf(name)));
  const [only, ...more] = found.length > 0 ? found : names;
  if (only !== undefined && more.length === 0) return path.join(place, only);
  const wanted = `${stems[0]}${EXTENSIONS[0]}, ${stems[0]}.c or the like`;
  const reason =
    only === undefined
      ? `there is no source in it: ${wanted}.`
      : `it has several: ${[only, ...more].join(', ')}.`;
  throw new SledgeError('SLEDGE_ERR_BUILD_SOURCE', { path: fileOrFolder, reason });
}

/**
 * A .wasm of any source that is known, in its place; a .wasm is taken as it is.
 * @throws SledgeError SLEDGE_ERR_BUILD_..., SLEDGE_ERR_CLI_OUTPUT; then what was there stays.
 */
export async function compileSource(
  fileOrFolder: string,
  options: SourceOptions = {},
): Promise<{ name: string; file: string; log: string }> {
  const { made, log } = await makeModule(fileOrFolder, options);
  await made.publish();
  return { name: made.name, file: made.file, log };
}

/** As compileSource, to be published by the caller. @throws SledgeError SLEDGE_ERR_BUILD_... */
export async function makeModule(
  fileOrFolder: string,
  options: SourceOptions = {},
): Promise<MadeSource> {
  const source = sourceOf(fileOrFolder);
  if (path.extname(source) === '.wasm') return takeModule(source, options);
  const extension = extensionOf(source);
  const compile = COMPILERS.find(([one]) => one === extension)?.[1];
  if (compile === undefined) {
    const what = path.extname(source) || 'this';
    const reason = `${what} is no source that it knows: ${EXTENSIONS.join(', ')}.`;
    throw new SledgeError('SLEDGE_ERR_BUILD_SOURCE', { path: fileOrFolder, reason });
  }
  checkReadable(source);
  const name = stemOf(path.basename(source));
  const file = path.resolve(options.out ?? path.dirname(source), `${name}.wasm`);
  return MadeModule.making(name, file, async (output) => {
    const said = await compile(source, output);
    const captured = compile === compileJavaScript || options.snapshot !== true;
    return captured ? (said ?? '') : capture(name, output, output);
  });
}

/** A module that others have made is not overwritten. */
async function takeModule(source: string, options: SourceOptions): Promise<MadeSource> {
  const name = path.basename(source, '.wasm');
  if (options.snapshot !== true) return { made: MadeModule.taken(name, source), log: '' };
  const folder = path.resolve(options.out ?? path.dirname(source));
  const file = path.join(folder, `${name}.snapshot.wasm`);
  return MadeModule.making(`${name}.snapshot`, file, (output) => capture(name, source, output));
}

async function capture(name: string, from: string, to: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(from);
  } catch (error) {
    const details = { path: from, reason: reasonOf(error) };
    throw new SledgeError('SLEDGE_ERR_BUILD_NOT_FOUND', details, { cause: error });
  }
  const { wasm, log } = await snapshot(name, bytes);
  await writeFile(to, wasm);
  return log;
}

function checkReadable(source: string): void {
  try {
    readFileSync(source);
  } catch (error) {
    const details = { path: source, reason: reasonOf(error) };
    throw new SledgeError('SLEDGE_ERR_BUILD_NOT_FOUND', details, { cause: error });
  }
}

function extensionOf(name: string): string | undefined {
  return EXTENSIONS.find((extension) => name.endsWith(extension));
}

function stemOf(name: string): string {
  return path.basename(name, extensionOf(name) ?? path.extname(name));
}
