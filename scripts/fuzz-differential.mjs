// npm run fuzz:differential -- --modules 1000000: random and mutated modules in a slot and in V8.
// --small: small ones, of which many are compiled at once. Goes on where the last run of the seed
// ended. --seed N, --first N, --batch N, --jobs N, --restart, --built (skips the set-up). What
// differs is kept, minimised, in .cache/fuzz/differential.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CACHE, inRoot } from './lib/paths.mjs';
import { runCommand, runMain, StepFailure, tailOf } from './lib/step.mjs';
import { setUp } from './setup.mjs';

const FOLDER = join(CACHE, 'fuzz', 'differential');
const WHOLE = { test: 'differential', count: 'SLEDGE_FUZZ_MODULES', name: 'random modules' };
const SMALL = { test: 'small', count: 'SLEDGE_FUZZ_SMALL', name: 'small modules do the same' };
const SUMMARY = /^.*\d+ (small )?modules from seed .*$/m;

const { values: options } = parseArgs({
  options: {
    modules: { type: 'string', default: '10000' },
    small: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    first: { type: 'string' },
    batch: { type: 'string', default: '2000' },
    jobs: { type: 'string', default: String(Math.max(1, availableParallelism() >> 1)) },
    restart: { type: 'boolean', default: false },
    built: { type: 'boolean', default: false },
  },
});

function count(name) {
  const value = Number(options[name]);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new StepFailure(`--${name} takes a whole number from 1 on, not ${options[name]}`);
}

/** Of a run that repeats some modules, and is not remembered. */
function start() {
  const first = Number(options.first);
  if (Number.isSafeInteger(first) && first >= 0) return first;
  throw new StepFailure(`--first takes a whole number, not ${options.first}`);
}

const kind = options.small ? SMALL : WHOLE;
const statePath = (seed) => join(FOLDER, `${options.small ? 'small-' : ''}seed-${seed}.json`);

function readState(seed) {
  if (options.restart) return { done: 0, failed: [] };
  try {
    return JSON.parse(readFileSync(statePath(seed), 'utf8'));
  } catch {
    return { done: 0, failed: [] };
  }
}

/** A batch in a process of its own, so that memory is bounded and a crash ends no more than it. */
async function runBatch(seed, first, modules) {
  const env = {
    SLEDGE_FUZZ_SEED: String(seed),
    SLEDGE_FUZZ_FIRST: String(first),
    [kind.count]: String(modules),
  };
  const test = `test/fuzz/${kind.test}.test.ts`;
  const args = ['--forceExit', '--runTestsByPath', test, '-t', kind.name];
  const { code, logPath } = await runCommand(
    `fuzz-differential-${first}`,
    process.execPath,
    [inRoot('node_modules/jest/bin/jest.js'), ...args],
    { env, isBackground: true },
  );
  const summary = SUMMARY.exec(readFileSync(logPath, 'utf8'))?.[0].trim() ?? 'no summary';
  console.log(`  ${first} to ${first + modules - 1}: ${summary}`);
  if (code !== 0) console.log(tailOf(logPath, 60));
  return code === 0;
}

async function main() {
  const [modules, seed, batch, jobs] = ['modules', 'seed', 'batch', 'jobs'].map(count);
  if (!options.built) await setUp({ forTests: true });
  mkdirSync(FOLDER, { recursive: true });
  if (options.first !== undefined) return (await runBatch(seed, start(), modules)) ? 0 : 1;
  const state = readState(seed);
  if (state.done > 0) console.log(`seed ${seed}: ${state.done} modules were compared before`);
  while (state.done < modules) {
    const starts = Array.from({ length: jobs }, (_, i) => state.done + i * batch);
    const open = starts.filter((first) => first < modules);
    const sizes = open.map((first) => Math.min(batch, modules - first));
    const results = await Promise.all(open.map((first, i) => runBatch(seed, first, sizes[i])));
    state.failed.push(...open.filter((_, i) => !results[i]));
    state.done += sizes.reduce((sum, size) => sum + size, 0);
    writeFileSync(statePath(seed), `${JSON.stringify(state)}\n`);
  }
  const failures = state.failed.length;
  const what = `${options.small ? 'small ' : ''}modules of seed ${seed}`;
  console.log(`${state.done} ${what}, ${failures} batches with differences`);
  return failures > 0 ? 1 : 0;
}

await runMain(main);
