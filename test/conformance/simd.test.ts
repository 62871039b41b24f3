import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FILE_TIMEOUT_MS, runFile, SUITE, unexpected } from './run-file';
import { SIMD_FILES } from './suite';

const long = process.env['SLEDGE_TEST_LONG'] === '1';
/** Some of each kind; none with many modules, each of which is a run of the C compiler. */
const REPRESENTATIVE = (
  'address bit_shift bitwise boolean conversions f32x4 f32x4_arith f32x4_rounding f64x2_cmp ' +
  'f64x2_pmin_pmax i16x8_extadd_pairwise_i8x16 i16x8_q15mulr_sat_s i32x4_dot_i16x8 ' +
  'i32x4_extmul_i16x8 i32x4_trunc_sat_f32x4 i32x4_trunc_sat_f64x2 i64x2_arith i8x16_sat_arith ' +
  'int_to_int_extend load_extend load16_lane store8_lane'
)
  .split(' ')
  .map((file) => `simd_${file}`);
const FLOAT_FILES = SIMD_FILES.filter((file) => /f(32x4|64x2)|conversions/.test(file));
const files = long ? SIMD_FILES : REPRESENTATIVE;
const EXECUTED_ASSERTIONS = long ? 24_327 : 11_308;

if (SUITE === undefined) {
  console.log('SLEDGE_WASM_SUITE names no folder with the core suite: SIMD files are skipped');
} else if (!long) {
  const counts = `${String(files.length)} of ${String(SIMD_FILES.length)}`;
  console.log(`${counts} SIMD files of the core suite; all of them with SLEDGE_TEST_LONG=1`);
}
const whenSuite = SUITE === undefined ? describe.skip : describe;

whenSuite('the SIMD files of the WebAssembly core suite', () => {
  let directory = '';
  let executed = 0;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'sledge-simd-'));
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

  test.each(long ? SIMD_FILES : ['simd_f64x2_pmin_pmax', 'simd_i32x4_trunc_sat_f32x4'])(
    '%s behaves the same compiled by gcc, without safepoints',
    async (file) => {
      const result = await runFile(file, { directory, compiler: 'gcc', safepoints: 'off' });
      expect(unexpected(file, result.failures)).toEqual([]);
    },
    FILE_TIMEOUT_MS,
  );

  test.each(long ? FLOAT_FILES : FLOAT_FILES.slice(0, 1))(
    '%s behaves the same with strictFloat',
    async (file) => {
      const result = await runFile(file, { directory, strictFloat: true });
      expect(unexpected(file, result.failures)).toEqual([]);
    },
    FILE_TIMEOUT_MS,
  );

  test.each(long ? SIMD_FILES : ['simd_boolean'])(
    '%s behaves the same at the development level',
    async (file) => {
      const result = await runFile(file, { directory, level: 'development' });
      expect(unexpected(file, result.failures, 'development')).toEqual([]);
    },
    FILE_TIMEOUT_MS,
  );

  test('all assertions have been executed', () => {
    expect(executed).toBe(EXECUTED_ASSERTIONS);
  });
});
