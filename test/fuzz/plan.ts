import {
  type FunctionType,
  type Instruction,
  ValueType,
  type ValueTypeCode,
} from '../../plugins/sandbox-awsm/src/compiler/model';
import { Op } from '../../plugins/sandbox-awsm/src/compiler/opcodes';
import { laneOps, VectorOp } from '../../plugins/sandbox-awsm/src/compiler/vector-opcodes';
import { addType, type Draft, instruction, typeOf } from './draft';
import type { Random } from './random';

export interface Call {
  readonly name: string;
  readonly params: readonly ValueTypeCode[];
  readonly results: readonly ValueTypeCode[];
  /** Bit patterns; -1 is a null reference. */
  readonly args: readonly bigint[];
}

/** What both engines are asked, in order. */
export interface Plan {
  readonly calls: readonly Call[];
  readonly globals: readonly { readonly name: string; readonly type: ValueTypeCode }[];
  readonly hasMemory: boolean;
  /** Whether calls spend fuel, which each of them is given anew. */
  readonly hasFuel: boolean;
  /** Before the call of this number, the state is shown. */
  readonly settled?: number;
}

const FUNCTIONS_MAX = 16;
const CALLS_PER_FUNCTION = 2;
const TABLE_PROBES = 12;
const { I32, I64, F32, F64, V128 } = ValueType;
const INTEGERS = [
  ...[0n, 1n, 2n, 7n, 8n, 15n, 16n, 31n, 32n, 63n, 64n, 127n, 128n, 255n, 256n, 1000n, 1024n],
  ...[0x7fffn, 0x8000n, 0xffffn, 0x10000n, 0x7fffffffn, 0x80000000n, 0xffffffffn],
  ...[0xffff_ff80n, 0xffff_8001n, 0xdead_beefn, 0xffff_fffen, 0x89ab_cdefn],
  ...[0xffff_ffff_0000_8000n, 0xfedc_ba98_7654_3210n],
  ...[0x1_0000_0000n, 0x7fff_ffff_ffff_ffffn, 0x8000_0000_0000_0000n, 0xffff_ffff_ffff_ffffn],
];
const DOUBLES = [
  ...[0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, 1e-310, 5e-324, 1e308, Infinity, -Infinity, NaN],
  ...[2147483647, 2147483648, -2147483648.5, 4294967295.9, 9.3e18, -9.3e18, 1.9e19, 3.4e38],
];

export function bitsOfDouble(value: number): bigint {
  return new BigUint64Array(new Float64Array([value]).buffer)[0] ?? 0n;
}

export function bitsOfSingle(value: number): bigint {
  return BigInt(new Uint32Array(new Float32Array([value]).buffer)[0] ?? 0);
}

/** A value that is likely to be a border case. */
export function valueOf(random: Random, type: ValueTypeCode): bigint {
  const isOdd = random.oneIn(3);
  const bits = (BigInt(random.bits()) << 32n) | BigInt(random.bits());
  switch (type) {
    case I32:
      return BigInt.asUintN(32, isOdd ? bits : random.pick(INTEGERS));
    case I64:
      return isOdd ? bits : random.pick(INTEGERS);
    case F32:
      return bitsOfSingle(isOdd ? random.bits() / 1e3 - 2e6 : random.pick(DOUBLES));
    case F64:
      return bitsOfDouble(isOdd ? random.bits() / 1e3 - 2e6 : random.pick(DOUBLES));
    case V128:
      return isOdd ? (bits << 64n) | bits : BigInt(random.below(256)) * (2n ** 128n / 255n);
    default:
      return -1n;
  }
}

/** Adds exports to a draft and chooses calls of them. */
export function planCalls(draft: Draft, random: Random): Plan {
  const count = draft.functions.length - 1;
  const first = random.below(Math.max(1, count - FUNCTIONS_MAX + 1));
  const callable = Array.from({ length: Math.min(count, FUNCTIONS_MAX) }, (_, i) => first + i);
  const globals = exportGlobals(draft);
  const calls = callable.flatMap((index) => {
    const name = `f${index}`;
    const type = exportFunction(draft, name, index);
    return Array.from({ length: CALLS_PER_FUNCTION }, () => ({
      name,
      ...type,
      args: type.params.map((param) => valueOf(random, param)),
    }));
  });
  if (draft.memory !== undefined) {
    draft.exports.push({ name: 'memory', kind: 2, index: 0 });
    const body = [instruction(Op.MemorySize), instruction(Op.End)];
    exportNew(draft, 'pages', { params: [], results: [I32] }, [], body);
  }
  return {
    calls: [...calls, ...tableProbes(draft)],
    globals,
    hasMemory: draft.memory !== undefined,
    hasFuel: true,
  };
}

/** JavaScript can give and take no vectors: those travel as two integers each. */
function exportFunction(draft: Draft, name: string, index: number): FunctionType {
  const type = typeOf(draft, index);
  if (![...type.params, ...type.results].includes(V128)) {
    draft.exports.push({ name, kind: 0, index });
    return type;
  }
  const scalar = (types: readonly ValueTypeCode[]): ValueTypeCode[] =>
    types.flatMap((each) => (each === V128 ? [I64, I64] : [each]));
  const outer = { params: scalar(type.params), results: scalar(type.results) };
  let at = 0;
  const body: Instruction[] = [];
  for (const param of type.params) {
    if (param === V128) body.push(...join(at, at + 1));
    else body.push(instruction(Op.LocalGet, at));
    at += param === V128 ? 2 : 1;
  }
  body.push(instruction(Op.Call, index), ...takeApart(type.results, at), instruction(Op.End));
  exportNew(draft, name, outer, [...type.results], body);
  return outer;
}

export function exportNew(
  draft: Draft,
  name: string,
  type: FunctionType,
  locals: ValueTypeCode[],
  body: Instruction[],
): void {
  draft.functions.push({ type: addType(draft, type), locals, body });
  draft.exports.push({ name, kind: 0, index: draft.functions.length - 1 });
}

function laneOp(name: string): number {
  for (const [code, lane] of laneOps) if (lane.name === name) return code;
  throw new Error(`no operation ${name}`);
}

export function join(low: number, high: number): Instruction[] {
  const replace = laneOp('i64x2_replace_lane');
  return [
    instruction(VectorOp.Const, 0, 0, new Array<number>(16).fill(0)),
    instruction(Op.LocalGet, low),
    instruction(replace, 0),
    instruction(Op.LocalGet, high),
    instruction(replace, 1),
  ];
}

/** Results go to locals from `first` on, and come back in order with vectors as halves. */
export function takeApart(results: readonly ValueTypeCode[], first: number): Instruction[] {
  const extract = laneOp('i64x2_extract_lane');
  const store = results.map((_, i) => instruction(Op.LocalSet, first + i)).reverse();
  const load = results.flatMap((type, i) => {
    const get = instruction(Op.LocalGet, first + i);
    return type === V128 ? [get, instruction(extract, 0), get, instruction(extract, 1)] : [get];
  });
  return [...store, ...load];
}

export function exportGlobals(draft: Draft): { name: string; type: ValueTypeCode }[] {
  const globals: { name: string; type: ValueTypeCode }[] = [];
  draft.globals.forEach(({ type: { type } }, index) => {
    if (type === V128) return;
    draft.exports.push({ name: `g${index}`, kind: 3, index });
    globals.push({ name: `g${index}`, type });
  });
  return globals;
}

/** Asks for vectors in globals, the sizes of tables and which entries are null. */
export function tableProbes(draft: Draft): Call[] {
  const calls: Call[] = [];
  draft.globals.forEach(({ type: { type } }, index) => {
    if (type !== V128) return;
    const name = `v${index}`;
    const results = [I64, I64];
    const body = [instruction(Op.GlobalGet, index), ...takeApart([V128], 0), instruction(Op.End)];
    exportNew(draft, name, { params: [], results }, [V128], body);
    calls.push({ name, params: [], results, args: [] });
  });
  draft.tables.forEach(({ limits }, index) => {
    const size = [instruction(Op.TableSize, index), instruction(Op.End)];
    exportNew(draft, `s${index}`, { params: [], results: [I32] }, [], size);
    calls.push({ name: `s${index}`, params: [], results: [I32], args: [] });
    const entry = [
      instruction(Op.LocalGet, 0),
      instruction(Op.TableGet, index),
      instruction(Op.RefIsNull),
      instruction(Op.End),
    ];
    exportNew(draft, `t${index}`, { params: [I32], results: [I32] }, [], entry);
    const entries = Math.min(limits.min, TABLE_PROBES);
    for (let i = 0; i < entries; i++) {
      calls.push({ name: `t${index}`, params: [I32], results: [I32], args: [BigInt(i)] });
    }
  });
  return calls;
}
