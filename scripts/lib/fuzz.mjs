// Fuzzes the eRPC core from the checked-in corpus, which stays as it is: the fuzzer adds to a copy.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CACHE, inRoot } from './paths.mjs';
import { native } from './setup-steps.mjs';
import { runCommand, tailOf } from './step.mjs';

const CORPUS = inRoot('native/fuzz/rpc_corpus');
const COVERAGE = inRoot('native/fuzz/rpc_coverage.json');
const FUZZERS = ['rpc_fuzz', 'rpc_fuzz_planted'];
const FUZZ_S = { reduced: 60, long: 1_800 };
/** Inputs take milliseconds; but this is wall time, and at a low priority one may wait long. */
const INPUT_S_MAX = 120;
/** The planted bug takes some 50,000 executions, which are seconds; this is for busy machines. */
const PLANTED_S_MAX = 300;
/** Short inputs suffice for it, and are tried faster. */
const PLANTED_INPUT_BYTES_MAX = 512;
const PLANTED_BUG = /AddressSanitizer: heap-buffer-overflow[\s\S]*append_request/;
/** What made a fuzzer fail is kept here. */
const INPUTS_KEPT = join(CACHE, 'fuzz');

/** Runs a fuzzer for a time at most, on one core, at a low priority. @returns code and output. */
async function fuzz(program, totalS, words = []) {
  const corpus = mkdtempSync(join(tmpdir(), 'sledge-fuzz-'));
  mkdirSync(INPUTS_KEPT, { recursive: true });
  try {
    cpSync(CORPUS, corpus, { recursive: true });
    const limits = [`-max_total_time=${totalS}`, `-timeout=${INPUT_S_MAX}`];
    const args = [...limits, '-print_final_stats=1', ...words];
    const { code, logPath } = await runCommand(
      program,
      inRoot('build/fuzz/src/rpc', program),
      [...args, `-artifact_prefix=${INPUTS_KEPT}/${program}-`, corpus],
      { isBackground: true },
    );
    return { code, logPath, output: readFileSync(logPath, 'utf8') };
  } finally {
    rmSync(corpus, { recursive: true, force: true });
  }
}

/** Executions and covered edges that a run ended with; zero when it printed none. */
export function figuresOf(output) {
  const numbers = (pattern) => [...output.matchAll(pattern)].map((match) => Number(match[1]));
  return {
    executions: Math.max(0, ...numbers(/^(?:stat::number_of_executed_units: |#)(\d+)/gm)),
    edges: Math.max(0, ...numbers(/ cov: (\d+) /g)),
  };
}

/** No crash, leak or hang, and at least the edges that the corpus alone covers. */
async function findsNothing(isLong) {
  const { edges: edgesMin } = JSON.parse(readFileSync(COVERAGE, 'utf8'));
  const { code, logPath, output } = await fuzz('rpc_fuzz', isLong ? FUZZ_S.long : FUZZ_S.reduced);
  const { executions, edges } = figuresOf(output);
  console.log(`  rpc_fuzz: ${executions} executions, ${edges} edges (at least ${edgesMin})`);
  if (code !== 0) console.log(`${tailOf(logPath, 60)}\nIts input is in ${INPUTS_KEPT}`);
  else if (edges < edgesMin) console.log('FAILED (fuzz): the fuzzer reaches less than it did');
  return code === 0 && edges >= edgesMin;
}

/** A fuzzer that finds nothing may be blind: this one must find the bug planted in its build. */
async function findsPlantedBug() {
  const { code, logPath, output } = await fuzz('rpc_fuzz_planted', PLANTED_S_MAX, [
    `-max_len=${PLANTED_INPUT_BYTES_MAX}`,
  ]);
  const isFound = code !== 0 && PLANTED_BUG.test(output);
  const { executions } = figuresOf(output);
  if (isFound) console.log(`  rpc_fuzz: the planted bug was found after ${executions} executions`);
  else console.log(`FAILED (fuzz): the planted bug was not found\n${tailOf(logPath)}`);
  return isFound;
}

/** @param {{ SLEDGE_TEST_LONG?: string }} environment */
export async function fuzzSuite(environment) {
  await native('fuzz', { targets: FUZZERS, isBackground: true });
  const results = [
    await findsNothing(environment.SLEDGE_TEST_LONG === '1'),
    await findsPlantedBug(),
  ];
  const passed = results.filter(Boolean).length;
  return { passed, failed: results.length - passed };
}
