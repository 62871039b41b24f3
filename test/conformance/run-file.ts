import { join } from 'node:path';
import type { NativeBinding } from '@sledge/core';
import { NAN_PAYLOADS, REFUSED_OTHERWISE } from './deviations';
import { SuiteModules } from './modules';
import { type Failure, ScriptRunner, type ScriptResult } from './runner';
import { readScript } from './suite';

/** The folder that holds the core suite. */
export const SUITE = process.env['SLEDGE_WASM_SUITE'];
export const FILE_TIMEOUT_MS = 600_000;

const bindingPath =
  process.env['SLEDGE_NATIVE_PATH'] ?? join(__dirname, '../../build/native/sledge.node');
const OPTIMISED_DEVIATIONS = [...REFUSED_OTHERWISE, ...NAN_PAYLOADS];

export interface FileChoice {
  /** Where what is made on the way may lie. */
  readonly directory: string;
  readonly strictFloat?: boolean;
  readonly safepoints?: 'flag' | 'off';
  readonly compiler?: string;
  readonly level?: 'production' | 'development';
}

/** Runs one file of the suite in real slots. */
export async function runFile(file: string, choice: FileChoice): Promise<ScriptResult> {
  const { directory, strictFloat = false, safepoints = 'flag', level = 'production' } = choice;
  const { compiler } = choice;
  const script = readScript(SUITE ?? '', file, join(directory, file));
  const cacheDirectory = join(directory, 'cache');
  const modules = new SuiteModules({ strictFloat, safepoints, compiler, level, cacheDirectory });
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const binding = require(bindingPath) as NativeBinding;
  const store = new binding.TestStore();
  try {
    const spectest = await modules.spectest(directory);
    return await new ScriptRunner(script, modules, store).run(spectest);
  } finally {
    store.close();
  }
}

/**
 * Failures that are no listed deviation, and deviations that did not differ.
 * Without optimisation every NaN has its payload.
 */
export function unexpected(
  file: string,
  failures: readonly Failure[],
  level: FileChoice['level'] = 'production',
): Failure[] {
  const deviations = level === 'production' ? OPTIMISED_DEVIATIONS : REFUSED_OTHERWISE;
  const allowed = new Set(deviations.filter((d) => d.file === file).map((d) => d.line));
  const differing = failures.filter((failure) => !allowed.delete(failure.line));
  const missing = [...allowed].map((line) => ({
    line,
    type: 'deviation',
    reason: 'is listed as a deviation and does not differ',
  }));
  return [...differing, ...missing];
}
