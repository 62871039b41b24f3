import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FILE_TIMEOUT_MS, runFile, SUITE, unexpected } from './run-file';
import { CONTROL_FILES, SCALAR_FILES } from './suite';

const long = process.env['SLEDGE_TEST_LONG'] === '1';
const EXECUTED_ASSERTIONS = long ? 23_764 : 15_833;

if (SUITE === undefined) {
  console.log('SLEDGE_WASM_SUITE names no folder with the core suite: conformance is skipped');
}
/** A branch back, a call, a table of branches: where a safepoint stands or is left out. */
const REPRESENTATIVE = CONTROL_FILES.filter((file) => /^(loop|call_indirect|br_table)$/.test(file));
/** Of hundreds of modules, each a run of the C compiler. */
const MANY_MODULES = 'align const float_exprs memory_copy memory_init table_copy table_init'.split(
  ' ',
);
const files = long ? SCALAR_FILES : SCALAR_FILES.filter((file) => !MANY_MODULES.includes(file));
if (!long) console.log(`all scalar files but ${MANY_MODULES.join(', ')}; the long run has them`);
if (!long) console.log(`without safepoints: ${REPRESENTATIVE.join(', ')}; the long run has all`);
/** What the development level has as expressions of its own. */
const ARITHMETIC = ['i32', 'i64', 'f64', 'memory_trap'];
if (!long) console.log(`development level: ${ARITHMETIC.join(', ')}; the long run has all`);
const whenSuite = SUITE === undefined ? describe.skip : describe;
const withoutSafepoints = long ? SCALAR_FILES : REPRESENTATIVE;
const atDevelopmentLevel = long ? SCALAR_FILES : ARITHMETIC;
let directory = '';

whenSuite('the 90 scalar files of the WebAssembly core suite', () => {
  let executed = 0;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'sledge-conformance-'));
  });
  afterAll(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  test.each(files)(
    '%s behaves as the suite says under production flags',
    async (file) => {
      const result = await runFile(file, { directory });
      executed += result.executed;
      expect(unexpected(file, result.failures)).toEqual([]);
    },
    FILE_TIMEOUT_MS,
  );

  test.each(long ? ['float_exprs', 'float_misc'] : ['float_misc'])(
    '%s has every NaN payload exact with strictFloat',
    async (file) => {
      const result = await runFile(file, { directory, strictFloat: true });
      expect(result.failures).toEqual([]);
    },
    FILE_TIMEOUT_MS,
  );

  test.each(withoutSafepoints)(
    '%s behaves the same without safepoints',
    async (file) => {
      const result = await runFile(file, { directory, safepoints: 'off' });
      expect(unexpected(file, result.failures)).toEqual([]);
    },
    FILE_TIMEOUT_MS,
  );

  test.each(atDevelopmentLevel)(
    '%s behaves the same at the development level',
    async (file) => {
      const result = await runFile(file, { directory, level: 'development' });
      expect(unexpected(file, result.failures, 'development')).toEqual([]);
    },
    FILE_TIMEOUT_MS,
  );

  test('all assertions of the suite have been executed', () => {
    expect(executed).toBe(EXECUTED_ASSERTIONS);
  });
});
