// npm run lint: ESLint, Prettier, clang-format, clang-tidy and the check of generated files, in one
// command. --fix mends what can be mended.
import { fileURLToPath } from 'node:url';
import { clangFormat, clangTidy } from './lib/clang-tools.mjs';
import { inRoot } from './lib/paths.mjs';
import { runCommand, runMain, tailOf } from './lib/step.mjs';

const CACHE_FOLDER = '.cache/lint/';

async function nodeTool(name, script, args) {
  const { code, logPath } = await runCommand(name, process.execPath, [inRoot(script), ...args], {
    isBackground: true,
  });
  return code === 0 ? '' : tailOf(logPath, 200);
}

const checks = (fix) => [
  [
    'ESLint',
    () =>
      nodeTool('eslint', 'node_modules/eslint/bin/eslint.js', [
        '.',
        '--cache',
        '--cache-strategy=content',
        `--cache-location=${CACHE_FOLDER}`,
        '--max-warnings=0',
        ...(fix ? ['--fix'] : []),
      ]),
  ],
  [
    'Prettier',
    () =>
      nodeTool('prettier', 'node_modules/prettier/bin/prettier.cjs', [
        '.',
        fix ? '--write' : '--check',
        '--log-level=warn',
        '--cache',
        '--cache-strategy=content',
        `--cache-location=${CACHE_FOLDER}prettier`,
      ]),
  ],
  [
    'types, tests included',
    () => nodeTool('types', 'node_modules/typescript/bin/tsc', ['-p', 'tsconfig.check.json']),
  ],
  ['generated files', () => nodeTool('generate', 'scripts/generate.mjs', fix ? [] : ['--check'])],
  ['clang-format', () => clangFormat(fix)],
  ['clang-tidy', clangTidy],
];

async function runChecks(list) {
  let failed = 0;
  for (const [title, check] of list) {
    const started = Date.now();
    const report = await check();
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    console.log(`- ${title}: ${report === '' ? 'clean' : 'FAILED'} (${seconds} s)`);
    if (report === '') continue;
    failed += 1;
    console.log(report);
  }
  return failed;
}

/** Checks of JavaScript and of C++ beside each other. @returns number of failed checks. */
export async function lint(fix) {
  const ours = checks(fix);
  const isNative = ([title]) => title.startsWith('clang');
  const lanes = [ours.filter((check) => !isNative(check)), ours.filter(isNative)];
  const failed = await Promise.all(lanes.map(runChecks));
  return failed.reduce((sum, count) => sum + count);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runMain(async () => ((await lint(process.argv.includes('--fix'))) > 0 ? 1 : 0));
}
