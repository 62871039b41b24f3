// npm test: the set-up, then every check there is. `--long` runs the counts that the requirements
// name; without it they are reduced. Ends with one line: N passed, N failed.
import { setUp } from './setup.mjs';
import { fuzzSuite } from './lib/fuzz.mjs';
import { runMain } from './lib/step.mjs';
import { jestSuite, lintSuite, nativeSuite, node24Suite } from './lib/test-suites.mjs';

// A sanitizer's findings end a test; a sandbox has its own stacks and catches its own faults.
const ASAN = {
  ASAN_OPTIONS: 'use_sigaltstack=0:handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0',
  UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
};
const HEARTBEAT_MS = 30_000;
const TSAN = { TSAN_OPTIONS: 'halt_on_error=1:second_deadlock_stack=1' };

/** Where more than one thread is at work; the rest needs minutes and has no race to find. */
const WITH_THREADS = ['dataplane_test', 'sandbox_test', 'transport_test'];
/** What clients, functions and policies hand in; the rest is of one thread and of trusted input. */
const WITH_INPUT = ['core_test', 'rpc_test', ...WITH_THREADS];

const PROGRAMS = ['lab_test', 'model_test', ...WITH_INPUT];

/** Each takes minutes to build and run. */
function under(sanitizer, short, { SLEDGE_TEST_LONG: long }) {
  if (long === '1') return PROGRAMS;
  console.log(`  ${sanitizer} runs ${short.join(', ')}; the long run runs all`);
  return short;
}

/**
 * Lanes run beside each other, the suites of a lane one after another: so both cores stay busy.
 * Builds and lint have a low priority, so that what is under test comes first.
 */
function lanes(environment) {
  return [
    [
      ['native, release', () => nativeSuite('release', environment)],
      ['TypeScript and end to end', () => jestSuite('jest', process.execPath, environment)],
      ['end to end on Node 24', () => node24Suite(environment)],
      ['fuzzing', () => fuzzSuite(environment)],
    ],
    [
      [
        'native, ASan and UBSan',
        () =>
          nativeSuite('asan', { ...environment, ...ASAN }, under('ASan', WITH_INPUT, environment)),
      ],
      [
        'native, TSan',
        () =>
          nativeSuite(
            'tsan',
            { ...environment, ...TSAN },
            under('TSan', WITH_THREADS, environment),
          ),
      ],
      ['lint', () => lintSuite()],
    ],
  ];
}

const running = new Map();
const secondsSince = (startedMs) => ((Date.now() - startedMs) / 1000).toFixed(0);

async function runSuite([title, suite]) {
  console.log(`== ${title}: begins`);
  const started = Date.now();
  running.set(title, started);
  let result;
  try {
    result = await suite();
  } catch (error) {
    console.log(error.message);
    result = { passed: 0, failed: 1, failures: [error.message] };
  }
  running.delete(title);
  const { passed, failed } = result;
  console.log(`== ${title}: ${passed} passed, ${failed} failed in ${secondsSince(started)} s`);
  return result;
}

async function runLanes(environment) {
  const total = { passed: 0, failed: 0, failures: [] };
  const heartbeat = setInterval(() => {
    const list = [...running].map(([title, started]) => `${title} (${secondsSince(started)} s)`);
    console.log(`  running: ${list.join('; ')}`);
  }, HEARTBEAT_MS);
  const runLane = async (lane) => {
    for (const entry of lane) {
      const { passed, failed, failures = [`see above: ${entry[0]}`] } = await runSuite(entry);
      total.passed += passed;
      total.failed += failed;
      if (failed > 0) total.failures.push(...failures);
    }
  };
  await Promise.all(lanes(environment).map(runLane));
  clearInterval(heartbeat);
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
  await setUp({ forTests: true, forLongTests: long });
  const { passed, failed, failures } = await runLanes(environment);
  // once more, and together: a log of which only the end is kept has them, too
  for (const failure of failures) console.log(`\nFAILED: ${failure}`);
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
});
