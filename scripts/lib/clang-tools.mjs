// clang-format and clang-tidy over our C and C++; tidy results are kept by content.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { relative } from 'node:path';
import { promisify } from 'node:util';
import { contentKey, filesBelow, stampMatches, writeStamp } from './content-key.mjs';
import { inRoot, ROOT } from './paths.mjs';

const run = promisify(execFile);
const OUTPUT_LIMIT_BYTES = 16 << 20;

/** C and C++ files that we wrote. */
export function nativeSources() {
  const accepts = (path) => /\.(c|h|cpp|hpp|cc|hh)$/.test(path);
  return ['native', 'plugins', 'functions', 'bench'].flatMap((folder) =>
    filesBelow(folder, accepts),
  );
}

export async function clangFormat(fix) {
  const files = nativeSources();
  if (files.length === 0) return '';
  const mode = fix ? ['-i'] : ['--dry-run', '-Werror'];
  try {
    await run('clang-format-14', [...mode, ...files], { cwd: ROOT, maxBuffer: OUTPUT_LIMIT_BYTES });
    return '';
  } catch (error) {
    return error.stderr ?? error.message;
  }
}

/**
 * What the compilation database names, tests aside; of parts that are compiled many files at a
 * time, those collections, which the build has made.
 */
function tidySources() {
  const database = inRoot('build/native/compile_commands.json');
  if (!existsSync(database)) return null;
  const entries = JSON.parse(readFileSync(database, 'utf8'));
  const files = entries.map((entry) => relative(ROOT, entry.file));
  const isOurs = (file) =>
    file.startsWith('build/') ? /\/Unity\/\w+\.cxx$/.test(file) : /\.cpp$/.test(file);
  return [...new Set(files)]
    .filter((file) => isOurs(file) && !/(^|\/)test\/|^\.\./.test(file))
    .sort();
}

/** The sources that a collection includes. */
function included(file) {
  if (!file.startsWith('build/')) return [];
  const paths = readFileSync(inRoot(file), 'utf8').matchAll(/#include "(.*)"/g);
  return [...paths].map(([, path]) => relative(ROOT, path));
}

async function tidyOne(file, headersKey) {
  const name = `tidy-${file.replaceAll('/', '_')}`;
  const key = contentKey(['.clang-tidy', file, ...included(file)], [headersKey]);
  if (stampMatches(name, key)) return '';
  const args = ['-p', inRoot('build/native'), '--quiet', '--warnings-as-errors=*', file];
  try {
    await run('nice', ['-n', '10', 'clang-tidy-14', ...args], {
      cwd: ROOT,
      maxBuffer: OUTPUT_LIMIT_BYTES,
    });
    writeStamp(name, key);
    return '';
  } catch (error) {
    return error.stdout || error.stderr || error.message;
  }
}

export async function clangTidy() {
  const queue = tidySources();
  if (queue === null) return 'no compilation database: run npm run setup first';
  const headersKey = contentKey(nativeSources().filter((path) => /\.(h|hpp|hh)$/.test(path)));
  const reports = [];
  const worker = async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift())
      reports.push(await tidyOne(file, headersKey));
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return reports.filter((report) => report !== '').join('\n');
}
