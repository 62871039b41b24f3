import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  INCLUDE_DIRECTORY,
  RUNTIME_DIRECTORY,
} from '../../plugins/sandbox-awsm/src/compiler/cache';
import { type LoweredModule, lowerModule } from '../../plugins/sandbox-awsm/src/compiler/lower';
import {
  codeFlags,
  findCompiler,
  LINK_FLAGS,
} from '../../plugins/sandbox-awsm/src/compiler/toolchain';
import type { BuildChoice } from './build';

const run = promisify(execFile);
const COMPILER_MS_MAX = 600_000;
const STDERR_BYTES_MAX = 1 << 20;
const INCLUDES = ['#include "prelude.h"', '#include "vector.h"', '#include "support.h"'];
/** What a module's C names at file scope. Members of structs are other things. */
const NAMES = new RegExp(
  '(?<![\\w.>])(?:w\\d+|thunk_\\d+|(?:type|import|export)_\\d+_\\w+|elements_\\d+|funcrefs|types|' +
    'imports|exports|tables|initialise|start|sledge_module|item_ref|table_init|state|' +
    'results_\\w+)\\b',
  'g',
);

/** What the generated C goes through before it is compiled: a mistake is planted so. */
export type Change = (text: string) => string;

export interface Unit {
  readonly level: BuildChoice['level'];
  readonly polled: boolean;
  /** Whether O0 has the expressions that stand there for functions; default: it has. */
  readonly isDirect?: boolean;
  /** C at its head. */
  readonly head?: string;
}

export const descriptorName = (place: number): string => `m${place}_sledge_module`;

/** How every module of a unit is lowered. */
export const LOWERING = { linkable: false, readsTime: false, strictFloat: false } as const;

/** A module's C as production makes it. Throws a WasmProblem. */
export function lowerPart(wasm: Uint8Array, polled: boolean): LoweredModule {
  return lowerModule(wasm, { ...LOWERING, polled });
}

/**
 * Compiles many modules as one C file into one shared object: a compiler takes longer to start than
 * to compile a small module. Each is lowered as in production and keeps its text but for a prefix
 * to its names; all have the flags of production.
 * @param changes by place among the parts
 * @returns the path of the shared object. Throws what the compiler says.
 */
export async function buildUnit(
  folder: string,
  parts: readonly LoweredModule[],
  { level, polled, isDirect = true, head = '' }: Unit,
  changes: readonly Change[] = [],
): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const texts = parts.map((part, place) => {
    writeFileSync(join(folder, `data-${place}.bin`), part.data);
    return named((changes[place] ?? same)(textOf(part)), place);
  });
  const defines = ['#define SLEDGE_READS_TIME 0', '#define SLEDGE_TIME_BUDGET "0"'];
  const polling = [`#define SLEDGE_POLLED ${polled ? 1 : 0}`, '#define SLEDGE_POLL_STUB'];
  if (!isDirect) defines.push('#define SLEDGE_FUNCTIONS');
  const lines = [...defines, ...polling, ...INCLUDES, head, ...texts];
  writeFileSync(join(folder, 'unit.c'), lines.join('\n'));
  const compiler = await findCompiler('clang', folder);
  const kind = level === 'O0' ? 'development' : 'production';
  const optimisation = level === 'O0' ? 'O1' : level;
  const flags = codeFlags(compiler, { level: kind, optimisation, strictFloat: false });
  const include = [`-I${INCLUDE_DIRECTORY}`, `-I${RUNTIME_DIRECTORY}`];
  const link = [...LINK_FLAGS, '-fuse-ld=lld', '-o', 'unit.so'];
  await run(compiler.path, [...flags, ...include, ...link, 'unit.c'], {
    ...{ cwd: folder, timeout: COMPILER_MS_MAX, maxBuffer: STDERR_BYTES_MAX },
  });
  return join(folder, 'unit.so');
}

const same: Change = (text) => text;

export function removeUnit(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

const TABLE_INIT = tableInit();

/** The runtime's table_init calls the module's item_ref: each module has one of its own. */
function tableInit(): string {
  const text = readFileSync(join(RUNTIME_DIRECTORY, 'bulk.h'), 'utf8');
  const found = /^OUTLINE void table_init\([^]*?^}$/m.exec(text)?.[0];
  if (found === undefined) throw new Error('bulk.h has no table_init');
  return found;
}

/** A module's C, without what stands once for all of a unit. */
export function textOf({ header, sources }: LoweredModule): string {
  if (sources.length !== 1) throw new Error('a module of a unit has one C file');
  const own = header.slice(header.indexOf('#define FN'));
  const code = (sources[0]?.text ?? '').replace(/^#.*$/gm, keptLine);
  return `${own}\n${code.includes('table_init(') ? TABLE_INIT : ''}\n${code}`;
}

function named(text: string, place: number): string {
  const own = text
    .replace(NAMES, `m${place}_$&`)
    .replaceAll('module_data', `m${place}_module_data`)
    .replace('data.bin', `data-${place}.bin`);
  const defined = [...own.matchAll(/^#define (\w+)/gm)].map(([, name]) => `#undef ${name}`);
  return `${own}\n${[...new Set(defined)].join('\n')}\n`;
}

function keptLine(line: string): string {
  return /^#include|SLEDGE_POLL_STUB/.test(line) ? '' : line;
}
