// Runs the native tests. CTest knows them; a GoogleTest program runs many of its tests in one
// process, since starting a process costs more than most tests, above all under a sanitizer.
import { execFileSync, spawn } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CACHE } from './paths.mjs';

/** A test that prints nothing for so long hangs. The whole counts of one take an hour at most. */
const silenceLimitMs = (env) => (env.SLEDGE_TEST_LONG === '1' ? 3_600_000 : 300_000);
const SHARD_TESTS = 60;
/** Of what a failed test wrote, in the list at a run's end. */
const FAILURE_LINES = 12;
const FILTER = /^--gtest_filter=(.*)$/;

const propertyOf = (test, name) => test.properties?.find((one) => one.name === name)?.value;

/** What CTest alone can judge: tests that set variables, or pass by what they print. */
const BY_CTEST = ['ENVIRONMENT', 'PASS_REGULAR_EXPRESSION', 'WILL_FAIL'];

/** @returns {{ program: string, names: string[], args: string[], cwd: string }[]} */
function shardsOf(tests, folder) {
  const programs = new Map();
  const single = [];
  for (const test of tests) {
    const [program, ...args] = test.command ?? [];
    if (program === undefined) throw new Error(`${test.name}: its program has not been built`);
    const filter = args.find((arg) => FILTER.test(arg))?.match(FILTER)[1];
    const cwd = propertyOf(test, 'WORKING_DIRECTORY') ?? process.cwd();
    if (BY_CTEST.some((property) => propertyOf(test, property) !== undefined)) {
      const choice = ['-I', `${test.index},${test.index}`, '--output-on-failure'];
      const ctest = ['--test-dir', folder, ...choice];
      single.push({ program: 'ctest', args: ctest, names: [test.name], cwd, alone: true });
    } else if (filter === undefined)
      single.push({ program, args, names: [test.name], cwd, alone: true });
    else programs.set(program, [...(programs.get(program) ?? []), { filter, cwd }]);
  }
  const shards = [...programs].flatMap(([program, list]) => {
    const count = Math.ceil(list.length / SHARD_TESTS);
    return Array.from({ length: count }, (_, shard) => {
      const mine = list.filter((_test, index) => index % count === shard);
      return { program, args: [], names: mine.map(({ filter }) => filter), cwd: mine[0].cwd };
    });
  });
  return [...shards, ...single].sort((a, b) => b.names.length - a.names.length);
}

/** Runs one process; `onLine` gets its output. @returns code, or -1 when it was killed or hung. */
function runProcess(program, args, { cwd, env, onLine }) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let timer;
    const awake = () => {
      clearTimeout(timer);
      timer = setTimeout(() => child.kill('SIGKILL'), silenceLimitMs(env ?? {}));
    };
    awake();
    for (const stream of [child.stdout, child.stderr]) {
      let rest = '';
      stream.on('data', (chunk) => {
        awake();
        const lines = (rest + chunk.toString()).split('\n');
        rest = lines.pop();
        lines.forEach(onLine);
      });
      stream.on('close', () => {
        if (rest !== '') onLine(rest);
      });
    }
    child.on('error', (error) => onLine(`${program}: ${error.message}`));
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve(code ?? -1);
    });
  });
}

/** Runs a shard; a test that ends its process fails, and the others follow in a new one. */
async function runShard(shard, env, log) {
  const results = new Map();
  let remaining = shard.names;
  while (remaining.length > 0) {
    let current = null;
    let output = [];
    const onLine = (line) => {
      log.write(`${line}\n`);
      const [, state, name] = /\[ *(RUN|OK|FAILED|SKIPPED) *\] ([^ ,]+)/.exec(line) ?? [];
      if (state === 'RUN') [current, output] = [name, []];
      else if (state !== undefined && name === current) {
        results.set(name, { failed: state === 'FAILED', output, skipped: state === 'SKIPPED' });
        [current, output] = [null, []];
      } else output.push(line);
    };
    const args = shard.alone
      ? shard.args
      : [`--gtest_filter=${remaining.join(':')}`, '--gtest_also_run_disabled_tests'];
    const code = await runProcess(shard.program, args, { cwd: shard.cwd, env, onLine });
    if (shard.alone) results.set(shard.names[0], { failed: code !== 0, output });
    else if (current !== null) results.set(current, { failed: true, output });
    const next = remaining.filter((name) => !results.has(name));
    const stuck = next.length === remaining.length;
    const unexplained = code !== 0 && ![...results.values()].some(({ failed }) => failed);
    if (stuck || (next.length === 0 && unexplained))
      results.set(next[0] ?? shard.program, { failed: true, output });
    remaining = next.filter((name) => !results.has(name));
  }
  return results;
}

/**
 * Many turns of one thread in code that shorter tests reach, too: a sanitizer needs minutes for
 * them and would find what it finds there. The release build runs them, and so does the long run.
 */
const LONG_FOR_SANITIZERS =
  /^(ServerSessions\.NumbersAreReused|Optimality\.|Theory\.|SingleStep\.OnePreemption)/;

/** CTest knows also those whose program has not been built. */
function isOf({ command }, programs) {
  return programs === undefined || programs.includes(basename(command?.[0] ?? ''));
}

/**
 * All tests that the build in `folder` knows, `jobs` processes at a time.
 * @param {string[]} [programs] whose tests are run; default: all. A sanitizer's short run leaves
 *   out what is long for it.
 * @returns passed, failed and how each failure ends; prints what failed tests wrote.
 */
export async function runNativeTests(name, folder, env, jobs, programs) {
  const isAll = programs === undefined || env.SLEDGE_TEST_LONG === '1';
  const listed = execFileSync('ctest', ['--test-dir', folder, '--show-only=json-v1'], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: 64 << 20,
  });
  const tests = JSON.parse(listed)
    .tests.map((test, at) => ({ ...test, index: at + 1 }))
    .filter(({ name: test }) => isAll || !LONG_FOR_SANITIZERS.test(test))
    .filter((test) => isOf(test, programs) && propertyOf(test, 'DISABLED') !== true);
  const absent = programs?.find((program) => !tests.some((test) => isOf(test, [program])));
  if (absent !== undefined) throw new Error(`${absent} has no tests in ${folder}`);
  mkdirSync(join(CACHE, 'logs'), { recursive: true });
  const log = createWriteStream(join(CACHE, 'logs', `${name}.log`));
  const queue = shardsOf(tests, folder);
  const total = { passed: 0, failed: 0, skipped: 0 };
  const failures = [];
  const worker = async () => {
    for (let shard = queue.shift(); shard !== undefined; shard = queue.shift()) {
      for (const [test, { failed, output, skipped }] of await runShard(shard, env, log)) {
        total[failed ? 'failed' : 'passed'] += 1;
        if (skipped) total.skipped += 1;
        if (!failed) continue;
        console.log(`FAILED (${name}): ${test}\n${output.slice(-120).join('\n')}`);
        failures.push([`${name}: ${test}`, ...output.slice(-FAILURE_LINES)].join('\n    '));
      }
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  log.end();
  if (total.skipped > 0) console.log(`  ${name}: ${total.skipped} skipped themselves`);
  return { passed: total.passed, failed: tests.length === 0 ? 1 : total.failed, failures };
}
