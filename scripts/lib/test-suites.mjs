// The suites of a test run; each answers how many of its tests passed and failed.
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { lint } from '../lint.mjs';
import { node24 } from './node24.mjs';
import { CACHE, inRoot } from './paths.mjs';
import { native } from './setup-steps.mjs';
import { runCommand, tailOf } from './step.mjs';

const JOBS = String(availableParallelism());
const NATIVE_TEST_LIMIT_S = '300';

/** What must hold on either Node: the whole way of a request, and the plugins of a user. */
const END_TO_END = 'test/(end-to-end|e2e)';

const count = (text, pattern) => Number(text.match(pattern)?.[1] ?? 0);

export async function lintSuite() {
  const failed = await lint(false);
  return { passed: failed === 0 ? 1 : 0, failed };
}

/** @param {string[]} filter arguments of ctest that choose tests */
export async function nativeSuite(preset, environment, filter = []) {
  await native(preset, true);
  const folder = inRoot('build', preset === 'release' ? 'native' : preset);
  const args = ['--test-dir', folder, '--output-on-failure', '--timeout', NATIVE_TEST_LIMIT_S];
  const { code, logPath } = await runCommand(`ctest-${preset}`, 'ctest', [...args, ...filter], {
    env: environment,
  });
  const text = readFileSync(logPath, 'utf8');
  const total = count(text, /tests failed out of (\d+)/);
  const failed = count(text, /(\d+) tests failed out of/);
  if (code !== 0) console.log(tailOf(logPath, 120));
  const isBroken = failed === 0 && (code !== 0 || total === 0);
  return { passed: total - failed, failed: isBroken ? 1 : failed };
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
  const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites, numPendingTests } = JSON.parse(
    readFileSync(report, 'utf8'),
  );
  if (numPendingTests > 0) console.log(`  ${numPendingTests} skipped`);
  const failed = numFailedTests + numRuntimeErrorTestSuites;
  return { passed: numPassedTests, failed: code !== 0 && failed === 0 ? 1 : failed };
}

export async function node24Suite(environment) {
  return jestSuite('jest-node24', await node24(), environment, [END_TO_END]);
}
