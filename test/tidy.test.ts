import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERROR_CATALOGUE } from '../core/src/errors/catalogue';
import { functionLengths } from './support/function-lengths';
import { PACKAGES, ROOT, trackedFiles } from './support/source-files';

const LINE_COLUMNS_MAX = 100;
const FILE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 70;

const CODE = /\.(ts|mts|cts|js|mjs|cjs|c|h|cpp|hpp|S|wat)$/;
const TEXT = /\.(md|json|yaml|yml|txt)$/;
const GENERATED = new Set([
  'package-lock.json',
  'docs/errors.md',
  'native/include/sledge/errors.h',
]);
/** Tables: long because of what they list. */
const TABLES = new Set(['core/src/errors/catalogue.ts']);
const NOT_OURS = /^(LICENSE$|.*\/fixtures\/)/;

// Written in parts, so that this file does not hold what it forbids.
const BANNED_WORDS = ['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX'];
const PLUGIN_HEADINGS = ['Overview', 'When to use', 'Parameters', 'Cost', 'Production ready?'];

const files = trackedFiles().filter((file) => !NOT_OURS.test(file) && !GENERATED.has(file));
const code = files.filter((file) => CODE.test(file));
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

function offences(subjects: readonly string[], find: (text: string, file: string) => string[]) {
  return subjects.flatMap((file) => find(read(file), file).map((what) => `${file}: ${what}`));
}

const linesWhere = (test: (line: string) => boolean) => (text: string) =>
  text.split('\n').flatMap((line, i) => (test(line) ? [`line ${i + 1}`] : []));

describe('source text', () => {
  test('no line of code is longer than 100 columns', () => {
    expect(
      offences(
        code,
        linesWhere((line) => [...line].length > LINE_COLUMNS_MAX),
      ),
    ).toEqual([]);
  });

  test('no file of code has 400 lines or more', () => {
    const long = (text: string): string[] => {
      const lines = text.trimEnd().split('\n').length;
      return lines >= FILE_LINES_MAX ? [`${lines} lines`] : [];
    };
    expect(
      offences(
        code.filter((file) => !TABLES.has(file)),
        long,
      ),
    ).toEqual([]);
  });

  test('no function has 70 lines or more', () => {
    const long = (text: string, file: string): string[] =>
      functionLengths(file, text)
        .filter(({ lines }) => lines >= FUNCTION_LINES_MAX)
        .map(({ name, lines }) => `${name} has ${lines} lines`);
    expect(offences(code, long)).toEqual([]);
  });

  test('there are no tabs, trailing blanks or control characters', () => {
    // eslint-disable-next-line no-control-regex -- finding control characters is the point
    const unclean = linesWhere((line) => /[\u0000-\u001f\u007f]|\s$/.test(line));
    const subjects = [...code, ...files.filter((file) => TEXT.test(file))];
    expect(offences(subjects, unclean)).toEqual([]);
  });

  test('nothing is left for later', () => {
    const banned = new RegExp(`\\b(${BANNED_WORDS.join('|')})\\b`);
    expect(
      offences(
        code,
        linesWhere((line) => banned.test(line)),
      ),
    ).toEqual([]);
  });

  test('no path of a particular machine is named', () => {
    const foreign = linesWhere((line) => /\/(work|home|root)\/[a-z]/.test(line));
    expect(offences(code, foreign)).toEqual([]);
  });
});

describe('layout', () => {
  test('every package has a manifest, a TypeScript project and an entry', () => {
    const missing = PACKAGES.flatMap((folder) =>
      ['package.json', 'tsconfig.json', 'src/index.ts']
        .map((file) => join(folder, file))
        .filter((file) => !existsSync(join(ROOT, file))),
    );
    expect(missing).toEqual([]);
  });

  test('every package has tests', () => {
    const hasTests = (folder: string): boolean =>
      existsSync(join(ROOT, folder, 'test')) &&
      readdirSync(join(ROOT, folder, 'test')).some((name) => name.endsWith('.test.ts'));
    expect(PACKAGES.filter((folder) => !hasTests(folder))).toEqual([]);
  });

  test('every plugin has a README with the common headings', () => {
    const plugins = PACKAGES.filter((folder) => folder.startsWith('plugins/'));
    const missing = plugins.flatMap((folder) => {
      const path = join(folder, 'README.md');
      if (!existsSync(join(ROOT, path))) return [path];
      const text = read(path);
      return PLUGIN_HEADINGS.filter((heading) => !text.includes(`\n## ${heading}\n`)).map(
        (heading) => `${path}: ## ${heading}`,
      );
    });
    expect(missing).toEqual([]);
  });

  test('every workspace appears in CONTRIBUTING', () => {
    const text = read('CONTRIBUTING.md');
    const folders = [
      'core',
      'lab',
      'cli',
      'plugins',
      'native',
      'functions',
      'test',
      'bench',
      'nats-connection',
      'client-nats',
      'docs',
    ];
    expect(folders.filter((folder) => !text.includes(`\`${folder}/\``))).toEqual([]);
  });
});

describe('error catalogue', () => {
  const rows = Object.entries(ERROR_CATALOGUE);

  test('numbers are never used twice', () => {
    const numbers = rows.map(([, row]) => row.number);
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  test('every code is thrown or returned somewhere', () => {
    const sources = code
      .filter((file) => /\/(src|native|binding)\//.test(file) && !file.includes('/test/'))
      .filter((file) => file !== 'core/src/errors/catalogue.ts')
      .map(read)
      .join('\n');
    expect(rows.map(([name]) => name).filter((name) => !sources.includes(name))).toEqual([]);
  });

  test('every code has its row in the docs', () => {
    const page = read('docs/errors.md');
    expect(rows.filter(([name]) => !page.includes(`| \`${name}\` |`))).toEqual([]);
  });
});
