// The suites of a test run; each answers how many of its tests passed and failed.
import { readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { lint } from '../lint.mjs';
import { node24 } from './node24.mjs';
import { runNativeTests } from './native-tests.mjs';
import { CACHE, inRoot, ROOT } from './paths.mjs';
import { cliMain, native } from './setup-steps.mjs';
import { runCommand, step, tailOf } from './step.mjs';

const JOBS = availableParallelism();
/** Of what a failed test says, in the list at a run's end. */
const FAILURE_LINES = 12;

/** What must hold on either Node: the whole way of a request, and the plugins of a user. */
const END_TO_END = 'test/e2e/';
/** Where Node itself has a part: sockets, TLS, the store, the binding, a user's TypeScript. */
const SHORT_ON_NODE_24 =
  'test/e2e/(admin|deploy|function-files|metrics|readme|request-ids|rpc|secrets|secured|' +
  'smuggling|statuses|trace|versions|warm)\\.test';

export async function lintSuite() {
  const failed = await lint(false);
  return { passed: failed === 0 ? 1 : 0, failed };
}

/** Small samples that end by themselves, and the same way each time. */
const STEPPED_FUNCTIONS = [
  ...['cgi', 'echo', 'empty', 'environ', 'exit', 'fibonacci', 'hash', 'hold', 'html'],
  ...['memory_growth', 'trap_division_by_zero', 'trap_indirect_call_mismatch'],
  ...['trap_integer_overflow', 'trap_out_of_bounds', 'trap_unreachable'],
];

/** What the compiler makes of them now. @returns the folder of their modules, below `build`. */
async function steppedModules(build) {
  const folder = join(build, 'stepped-modules');
  rmSync(folder, { recursive: true, force: true });
  const files = STEPPED_FUNCTIONS.map((each) => join('functions', `${each}.wasm`));
  await step('modules to step', 'stepped-modules', [
    [process.execPath, [cliMain(), 'build', ...files, '--out', folder]],
  ]);
  return folder;
}

/** A title and the first lines of what explains it. */
function beginningOf(title, text) {
  const lines = stripVTControlCharacters(text)
    .split('\n')
    .filter((line) => line.trim() !== '');
  return [title, ...lines.slice(0, FAILURE_LINES)].join('\n    ');
}

/** @param {string[]} [targets] test programs to build and run; default: all */
export async function nativeSuite(preset, environment, targets) {
  await native(preset, { tests: true, isBackground: true, targets });
  const folder = inRoot('build', preset === 'release' ? 'native' : preset);
  const env = { ...environment };
  // Sanitizers step their own instructions as well, which takes many times as long.
  if (preset === 'release') env.SLEDGE_TEST_MODULES_DIR = await steppedModules(folder);
  return runNativeTests(`native-tests-${preset}`, folder, env, JOBS, targets);
}

/** Jest's counts, from its own report. */
export async function jestSuite(name, executable, environment, paths = []) {
  const report = join(CACHE, 'logs', `${name}.json`);
  const args = ['--ci', `--maxWorkers=${JOBS}`, '--json', `--outputFile=${report}`, ...paths];
  const { code, logPath } = await runCommand(
    name,
    executable,
    [inRoot('node_modules/jest/bin/jest.js'), ...args],
    { env: environment },
  );
  if (code !== 0) console.log(tailOf(logPath, 200));
  const result = JSON.parse(readFileSync(report, 'utf8'));
  const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites, numPendingTests } = result;
  if (numPendingTests > 0) console.log(`  ${numPendingTests} skipped`);
  const failed = numFailedTests + numRuntimeErrorTestSuites;
  const failures = result.testResults.flatMap(failuresOf);
  return { passed: numPassedTests, failed: code !== 0 && failed === 0 ? 1 : failed, failures };
}

/** Of one file: the failed tests and how each begins to say why. */
function failuresOf({ name, message, status, assertionResults }) {
  const file = relative(ROOT, name);
  const failed = assertionResults.filter((one) => one.status === 'failed');
  if (failed.length === 0) return status === 'failed' ? [beginningOf(file, message)] : [];
  return failed.map(({ fullName, failureMessages: [text = ''] }) =>
    beginningOf(`${file}: ${fullName}`, text),
  );
}

export async function node24Suite(environment) {
  const isLong = environment.SLEDGE_TEST_LONG === '1';
  const paths = isLong ? END_TO_END : SHORT_ON_NODE_24;
  if (!isLong) console.log(`  ${paths}; the long run has all end-to-end tests`);
  return jestSuite('jest-node24', await node24(), environment, [paths]);
}
