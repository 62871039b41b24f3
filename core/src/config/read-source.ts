import { cosmiconfig } from 'cosmiconfig';
import type { Loader } from 'cosmiconfig';
import { parseTree, printParseErrorCode, getNodeValue } from 'jsonc-parser';
import type { Node, ParseError } from 'jsonc-parser';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { reasonOf } from '../errors/reason';
import { SledgeError } from '../errors/sledge-error';
import { loadUserModule } from '../plugins/load-user-module';
import { lineAndColumn } from './positions';

export interface ConfigSource {
  /** Absolute. */
  file: string;
  data: unknown;
  /** Keys that lead to the config inside the file: `sledge` for a package.json. */
  prefix: readonly string[];
}

const LOAD_LIMIT_MS = 10_000;
const SEARCH_PLACES = ['ts', 'js', 'cjs', 'json', 'yaml', 'yml'].map(
  (extension) => `sledge.config.${extension}`,
);

const loadModule: Loader = (file) => {
  try {
    return loadUserModule(file);
  } catch (error) {
    if (error instanceof SledgeError) throw error;
    throw unreadable(file, reasonOf(error), error);
  }
};

const LOADERS: Record<string, Loader> = {
  '.ts': loadModule,
  '.cts': loadModule,
  '.js': loadModule,
  '.cjs': loadModule,
  '.json': parseJson,
  '.yaml': parseYaml,
  '.yml': parseYaml,
  noExt: parseYaml,
};

/**
 * The config file as data.
 * @param file as given with -c; undefined: searched in `cwd`.
 * @throws SledgeError SLEDGE_ERR_CONFIG_NOT_FOUND or SLEDGE_ERR_CONFIG_UNREADABLE.
 */
export async function readSource(file: string | undefined, cwd: string): Promise<ConfigSource> {
  const explorer = cosmiconfig('sledge', {
    searchPlaces: [...SEARCH_PLACES, 'package.json'],
    searchStrategy: 'none',
    loaders: LOADERS,
    cache: false,
  });
  const given = file === undefined ? undefined : path.resolve(cwd, file);
  if (given !== undefined && !existsSync(given)) {
    throw new SledgeError('SLEDGE_ERR_CONFIG_NOT_FOUND', { path: given });
  }
  const result = await load(() =>
    given === undefined ? explorer.search(cwd) : explorer.load(given),
  );
  if (result === null && given !== undefined) return { file: given, data: null, prefix: [] };
  if (result === null) throw new SledgeError('SLEDGE_ERR_CONFIG_NOT_FOUND', { path: cwd });
  if (result.isEmpty === true) throw unreadable(result.filepath, 'it is empty.');
  const prefix = path.basename(result.filepath) === 'package.json' ? ['sledge'] : [];
  return { file: result.filepath, data: (await result.config) as unknown, prefix };

  async function load<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await withinLimit(run());
    } catch (error) {
      if (error instanceof SledgeError) throw error;
      throw unreadable(given ?? cwd, reasonOf(error), error);
    }
  }
}

/** A module may give a promise, which may never settle. */
async function withinLimit<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    const error = new Error(`its promise did not settle within ${LOAD_LIMIT_MS} ms.`);
    timer = setTimeout(() => reject(error), LOAD_LIMIT_MS);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

function parseJson(file: string, text: string): unknown {
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { allowTrailingComma: true });
  const first = errors[0];
  if (first !== undefined) {
    const reason = `${words(printParseErrorCode(first.error))} at ${where(text, first.offset)}.`;
    throw unreadable(file, reason);
  }
  if (tree === undefined) throw unreadable(file, 'it is empty.');
  const twice = duplicateKey(tree);
  if (twice !== undefined) {
    const key = String(twice.value);
    throw unreadable(file, `the key ${key} stands twice, again at ${where(text, twice.offset)}.`);
  }
  return getNodeValue(tree) as unknown;
}

function parseYaml(file: string, text: string): unknown {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const first = document.errors[0];
  if (first === undefined) return document.toJS({ maxAliasCount: 100 }) as unknown;
  const { line, col } = lineCounter.linePos(first.pos[0]);
  throw unreadable(file, `${first.message} at ${line}:${col}.`);
}

/** JSON.parse would silently take the last one. */
function duplicateKey(node: Node): Node | undefined {
  const seen = new Set<unknown>();
  for (const item of node.children ?? []) {
    const key = item.type === 'property' ? item.children?.[0] : undefined;
    if (key !== undefined && seen.has(key.value)) return key;
    if (key !== undefined) seen.add(key.value);
    const inner = duplicateKey(item);
    if (inner !== undefined) return inner;
  }
  return undefined;
}

function unreadable(file: string, reason: string, cause?: unknown): SledgeError {
  return new SledgeError('SLEDGE_ERR_CONFIG_UNREADABLE', { path: file, reason }, { cause });
}

function where(text: string, offset: number): string {
  const { line, column } = lineAndColumn(text, offset);
  return `${line}:${column}`;
}

function words(name: string): string {
  return name.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
