import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NativeBinding } from '@sledge/core';
import { NAN_PAYLOADS, REFUSED_OTHERWISE } from './deviations';
import { SuiteModules } from './modules';
import { type Failure, ScriptRunner, type ScriptResult } from './runner';
import { CONTROL_FILES, readScript, SCALAR_FILES } from './suite';

const suite = process.env['SLEDGE_WASM_SUITE'];
const bindingPath =
  process.env['SLEDGE_NATIVE_PATH'] ?? join(__dirname, '../../build/native/sledge.node');
const FILE_TIMEOUT_MS = 300_000;
const EXECUTED_ASSERTIONS = 23_764;

if (suite === undefined) {
  console.log('SLEDGE_WASM_SUITE names no folder with the core suite: conformance is skipped');
}
const whenSuite = suite === undefined ? describe.skip : describe;
const deviations = [...REFUSED_OTHERWISE, ...NAN_PAYLOADS];
const withoutSafepoints = process.env['SLEDGE_TEST_LONG'] === '1' ? SCALAR_FILES : CONTROL_FILES;
let directory = '';

async function runFile(
  file: string,
  strictFloat = false,
  safepoints: 'flag' | 'off' = 'flag',
): Promise<ScriptResult> {
  const script = readScript(suite ?? '', file, join(directory, file));
  const cacheDirectory = join(directory, 'cache');
  const modules = new SuiteModules({ strictFloat, safepoints, cacheDirectory });
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

function unexpected(file: string, failures: readonly Failure[]): Failure[] {
  const allowed = new Set(deviations.filter((d) => d.file === file).map((d) => d.line));
  const differing = failures.filter((failure) => !allowed.delete(failure.line));
  const missing = [...allowed].map((line) => ({
    line,
    type: 'deviation',
    reason: 'is listed as a deviation and does not differ',
  }));
  return [...differing, ...missing];
}

whenSuite('the 90 scalar files of the WebAssembly core suite', () => {
  let executed = 0;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'sledge-conformance-'));
  });
  afterAll(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  test.each(SCALAR_FILES)(
    '%s behaves as the suite says under production flags',
    async (file) => {
      const result = await runFile(file);
      executed += result.executed;
      expect(unexpected(file, result.failures)).toEqual([]);
    },
    FILE_TIMEOUT_MS,
  );

  test(
    'float_exprs has every NaN payload exact with strictFloat',
    async () => {
      const result = await runFile('float_exprs', true);
      expect(result.failures).toEqual([]);
    },
    FILE_TIMEOUT_MS,
  );

  test.each(withoutSafepoints)(
    '%s behaves the same without safepoints',
    async (file) => {
      const result = await runFile(file, false, 'off');
      expect(unexpected(file, result.failures)).toEqual([]);
    },
    FILE_TIMEOUT_MS,
  );

  test('all assertions of the suite have been executed', () => {
    expect(executed).toBe(EXECUTED_ASSERTIONS);
  });
});
