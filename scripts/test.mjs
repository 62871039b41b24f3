// npm test: the set-up, then every check there is. `--long` runs the counts that the requirements
// name; without it they are reduced. Ends with one line: N passed, N failed.
import { setUp } from './setup.mjs';
import { runMain } from './lib/step.mjs';
import { jestSuite, lintSuite, nativeSuite, node24Suite } from './lib/test-suites.mjs';

// A sanitizer's findings end a test; a sandbox has its own stacks and catches its own faults.
const ASAN = {
  ASAN_OPTIONS: 'use_sigaltstack=0:handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0',
  UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
};
const TSAN = { TSAN_OPTIONS: 'halt_on_error=1:second_deadlock_stack=1' };

function suites(environment) {
  return [
    ['lint', () => lintSuite()],
    ['native, release', () => nativeSuite('release', environment)],
    ['native, ASan and UBSan', () => nativeSuite('asan', { ...environment, ...ASAN })],
    ['native, TSan', () => nativeSuite('tsan', { ...environment, ...TSAN })],
    ['TypeScript and end to end', () => jestSuite('jest', process.execPath, environment)],
    ['end to end on Node 24', () => node24Suite(environment)],
  ];
}

async function runSuites(environment) {
  const total = { passed: 0, failed: 0 };
  for (const [title, suite] of suites(environment)) {
    console.log(`\n== ${title}`);
    const started = Date.now();
    let result;
    try {
      result = await suite();
    } catch (error) {
      console.log(error.message);
      result = { passed: 0, failed: 1 };
    }
    const seconds = ((Date.now() - started) / 1000).toFixed(0);
    console.log(`${title}: ${result.passed} passed, ${result.failed} failed in ${seconds} s`);
    total.passed += result.passed;
    total.failed += result.failed;
  }
  return total;
}

await runMain(async () => {
  const long = process.argv.includes('--long');
  const environment = { SLEDGE_TEST_LONG: long ? '1' : '' };
  console.log(
    long
      ? 'Full counts (SLEDGE_TEST_LONG=1).'
      : 'Reduced counts: each test prints its own; npm run test:long runs all.',
  );
  await setUp({ forTests: true });
  const { passed, failed } = await runSuites(environment);
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
});
