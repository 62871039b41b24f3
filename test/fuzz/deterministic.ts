import { asCounted, findLoops } from '../../plugins/sandbox-awsm/src/compiler/loops';
import {
  type Instruction,
  ValueType,
  type ValueTypeCode,
} from '../../plugins/sandbox-awsm/src/compiler/model';
import { numericOps, Op } from '../../plugins/sandbox-awsm/src/compiler/opcodes';
import { VectorOp } from '../../plugins/sandbox-awsm/src/compiler/vector-opcodes';
import { addType, type Draft, type DraftFunction, instruction, typeOf } from './draft';

/** What a call may do: an iteration costs 1, a call more, so that stacks stay small as well. */
const FUEL = 60_000;
const CALL_COST = 1_000;
/** A counted loop keeps its shape, for which the compiler has rules, and is measured beforehand. */
const TRIPS_MAX = 4_000;
const STEP_MAX = 1 << 16;
const BLOCK_EMPTY = -64;
const { I32, F64, V128 } = ValueType;

/** Operations whose NaN the specification leaves open, sign or payload, to what they make. */
const MAKES_NAN =
  /^(f32|f64|f32x4|f64x2)_(add|sub|mul|div|sqrt|min|max|ceil|floor|trunc|nearest|demote|promote)/;
const op = (name: string): number => {
  for (const [code, numeric] of numericOps) if (numeric.name === name) return code;
  throw new Error(`no operation ${name}`);
};
const EQUAL = {
  f32: op('f32_eq'),
  f64: op('f64_eq'),
  f32x4: op('f32x4_eq'),
  f64x2: op('f64x2_eq'),
};
const SELECT_BITS = op('v128_bitselect');
const LESS = op('i32_lt_s');
const NOT_BELOW = op('i32_ge_u');
const REMAINDER = op('i32_rem_u');
const NAN_32 = 0x7fc00000;
const NAN_64 = 0x7ff80000;

/** Makes a draft's results a matter of the specification alone, and its calls short. */
export function makeDeterministic(draft: Draft): void {
  const fuel = draft.globals.length;
  const init = [instruction(Op.I32Const, FUEL)];
  draft.globals.push({ type: { type: I32, mutable: true }, init });
  makeCanonical(draft);
  for (const each of draft.functions) each.body = withFuel(each.body, fuel);
  const type = addType(draft, { params: [], results: [] });
  const body = [...init, instruction(Op.GlobalSet, fuel), instruction(Op.End)];
  draft.functions.push({ type, locals: [], body });
  draft.exports.push({ name: 'refuel', kind: 0, index: draft.functions.length - 1 });
}

/** Makes every NaN the canonical one: enough where calls are short by themselves. */
export function makeCanonical(draft: Draft): void {
  draft.functions.forEach((each, i) => {
    each.body = canonicalNaNs(each, typeOf(draft, i).params.length);
  });
}

function laneBytes(lanes: number, low: number, high: number): number[] {
  const words = Array.from({ length: 4 }, (_, i) => (lanes === 4 || i % 2 === 1 ? high : low));
  return words.flatMap((word) => [
    word & 0xff,
    (word >> 8) & 0xff,
    (word >> 16) & 0xff,
    word >>> 24,
  ]);
}

/** After each operation that may make one: `value == value ? value : NaN`. */
function canonicalNaNs(code: DraftFunction, params: number): Instruction[] {
  const temporaries = new Map<ValueTypeCode, number>();
  const temporary = (type: ValueTypeCode): number => {
    let local = temporaries.get(type);
    if (local === undefined) {
      local = params + code.locals.push(type) - 1;
      temporaries.set(type, local);
    }
    return local;
  };
  return code.body.flatMap((each) => {
    const numeric = numericOps.get(each.op);
    if (numeric === undefined || !MAKES_NAN.test(numeric.name)) return [each];
    const local = temporary(numeric.result);
    const get = instruction(Op.LocalGet, local);
    const head = [each, instruction(Op.LocalTee, local)];
    if (numeric.result === V128) {
      const wide = /^f64x2_(?!promote)|promote/.test(numeric.name);
      const nan = wide ? laneBytes(2, 0, NAN_64) : laneBytes(4, 0, NAN_32);
      const equal = instruction(wide ? EQUAL.f64x2 : EQUAL.f32x4);
      const constant = instruction(VectorOp.Const, 0, 0, nan);
      return [...head, constant, get, get, equal, instruction(SELECT_BITS)];
    }
    const isDouble = numeric.result === F64;
    const constant = isDouble
      ? instruction(Op.F64Const, 0, NAN_64)
      : instruction(Op.F32Const, NAN_32);
    const equal = instruction(isDouble ? EQUAL.f64 : EQUAL.f32);
    return [...head, constant, get, get, equal, instruction(Op.Select)];
  });
}

function withFuel(body: Instruction[], fuel: number): Instruction[] {
  const loops = new Map(findLoops(body).map((loop) => [loop.start, loop]));
  const spend = (cost: number): Instruction[] => [
    instruction(Op.GlobalGet, fuel),
    instruction(Op.I32Const, cost),
    instruction(Op.I32Sub),
    instruction(Op.GlobalSet, fuel),
    ...trapIf([instruction(Op.GlobalGet, fuel), instruction(Op.I32Const, 0), instruction(LESS)]),
  ];
  const out = spend(CALL_COST);
  body.forEach((each, place) => {
    const loop = loops.get(place);
    const guard = loop === undefined ? undefined : countedGuard(body, loop);
    out.push(...(guard ?? []), each);
    if (loop !== undefined && guard === undefined) out.push(...spend(1));
  });
  return out;
}

function trapIf(condition: readonly Instruction[]): Instruction[] {
  const rest = [instruction(Op.If, BLOCK_EMPTY), instruction(Op.Unreachable), instruction(Op.End)];
  return [...condition, ...rest];
}

/** What stands before a counted loop in fuel's place; undefined for other loops. */
function countedGuard(
  body: readonly Instruction[],
  loop: ReturnType<typeof findLoops>[number],
): Instruction[] | undefined {
  const counted = asCounted(body, loop);
  if (counted === undefined || Math.abs(counted.step) > STEP_MAX) return undefined;
  const { trips, step, local, limit } = counted;
  if (trips !== undefined) return trips <= TRIPS_MAX ? [] : undefined;
  const stride = Math.abs(step);
  const x = instruction(Op.LocalGet, local);
  const end =
    'local' in limit
      ? instruction(Op.LocalGet, limit.local)
      : instruction(Op.I32Const, limit.constant);
  const distance = [...(step > 0 ? [end, x] : [x, end]), instruction(Op.I32Sub)];
  const less = [instruction(Op.I32Const, 1), instruction(Op.I32Sub)];
  const most = [instruction(Op.I32Const, stride * TRIPS_MAX), instruction(NOT_BELOW)];
  const divided = [instruction(Op.I32Const, stride), instruction(REMAINDER)];
  return [...trapIf([...distance, ...less, ...most]), ...trapIf([...distance, ...divided])];
}
