import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The scalar files of the core suite: all that are not SIMD. */
export const SCALAR_FILES: readonly string[] = (
  'address align binary-leb128 binary block br br_if br_table bulk call call_indirect comments ' +
  'const conversions custom data elem endianness exports f32 f32_bitwise f32_cmp f64 f64_bitwise ' +
  'f64_cmp fac float_exprs float_literals float_memory float_misc forward func func_ptrs global ' +
  'i32 i64 if imports inline-module int_exprs int_literals labels left-to-right linking load ' +
  'local_get local_set local_tee loop memory memory_copy memory_fill memory_grow memory_init ' +
  'memory_redundancy memory_size memory_trap names nop ref_func ref_is_null ref_null return ' +
  'select skip-stack-guard-page stack start store switch table-sub table table_copy table_fill ' +
  'table_get table_grow table_init table_set table_size token tokens traps type unreachable ' +
  'unreached-invalid unreached-valid unwind utf8-custom-section-id utf8-import-field ' +
  'utf8-import-module utf8-invalid-encoding'
).split(' ');

/** The files of the fixed-width 128-bit vectors. */
export const SIMD_FILES: readonly string[] = (
  'address align bit_shift bitwise boolean const conversions f32x4 f32x4_arith f32x4_cmp ' +
  'f32x4_pmin_pmax f32x4_rounding f64x2 f64x2_arith f64x2_cmp f64x2_pmin_pmax f64x2_rounding ' +
  'i16x8_arith i16x8_arith2 i16x8_cmp i16x8_extadd_pairwise_i8x16 i16x8_extmul_i8x16 ' +
  'i16x8_q15mulr_sat_s i16x8_sat_arith i32x4_arith i32x4_arith2 i32x4_cmp i32x4_dot_i16x8 ' +
  'i32x4_extadd_pairwise_i16x8 i32x4_extmul_i16x8 i32x4_trunc_sat_f32x4 ' +
  'i32x4_trunc_sat_f64x2 i64x2_arith i64x2_arith2 i64x2_cmp i64x2_extmul_i32x4 i8x16_arith ' +
  'i8x16_arith2 i8x16_cmp i8x16_sat_arith int_to_int_extend lane load load16_lane load32_lane ' +
  'load64_lane load8_lane load_extend load_splat load_zero splat store store16_lane ' +
  'store32_lane store64_lane store8_lane'
)
  .split(' ')
  .map((file) => `simd_${file}`);

/** Those about control flow, calls and bulk operations: where safepoints change the code. */
export const CONTROL_FILES: readonly string[] =
  'br_table bulk call_indirect fac if labels loop memory_copy switch unwind'.split(' ');

export interface SuiteValue {
  readonly type: string;
  /** A vector's value is a list: one for each lane, all of `lane_type`. */
  readonly value?: string | readonly string[];
  readonly lane_type?: string;
}

export interface SuiteAction {
  readonly type: 'invoke' | 'get';
  readonly module?: string;
  readonly field: string;
  readonly args?: readonly SuiteValue[];
}

/** One command of a script, as wast2json writes it. */
export interface SuiteCommand {
  readonly type: string;
  readonly line: number;
  readonly name?: string;
  readonly as?: string;
  readonly filename?: string;
  readonly module_type?: 'binary' | 'text';
  readonly text?: string;
  readonly action?: SuiteAction;
  readonly expected?: readonly SuiteValue[];
}

export interface SuiteScript {
  readonly file: string;
  readonly directory: string;
  readonly commands: readonly SuiteCommand[];
}

/** Converts one .wast of the suite, in place where it lies, into `directory`. */
export function readScript(suite: string, file: string, directory: string): SuiteScript {
  mkdirSync(directory, { recursive: true });
  const json = join(directory, `${file}.json`);
  execFileSync('wast2json', [join(suite, `${file}.wast`), '-o', json], { stdio: 'pipe' });
  const { commands } = JSON.parse(readFileSync(json, 'utf8')) as { commands: SuiteCommand[] };
  return { file, directory, commands };
}

export function readModule(script: SuiteScript, command: SuiteCommand): Uint8Array<ArrayBuffer> {
  if (command.filename === undefined) throw new Error(`${command.type} has no module`);
  return new Uint8Array(readFileSync(join(script.directory, command.filename)));
}
