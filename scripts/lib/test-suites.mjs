// The suites of a test run; each answers how many of its tests passed and failed.
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { lint } from '../lint.mjs';
import { node24 } from './node24.mjs';
import { runNativeTests } from './native-tests.mjs';
import { CACHE, inRoot } from './paths.mjs';
import { native } from './setup-steps.mjs';
import { runCommand, tailOf } from './step.mjs';

const JOBS = availableParallelism();

/** What must hold on either Node: the whole way of a request, and the plugins of a user. */
const END_TO_END = 'test/(end-to-end|e2e)';

export async function lintSuite() {
  const failed = await lint(false);
  return { passed: failed === 0 ? 1 : 0, failed };
}

/** @param {RegExp} [only] names of the tests to run */
export async function nativeSuite(preset, environment, only) {
  await native(preset, { tests: true, isBackground: true });
  const folder = inRoot('build', preset === 'release' ? 'native' : preset);
  return runNativeTests(`native-tests-${preset}`, folder, environment, JOBS, only);
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
