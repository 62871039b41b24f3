import {
  type Instruction,
  isReference,
  ValueType,
  type ValueTypeCode,
} from '../../plugins/sandbox-awsm/src/compiler/model';
import {
  memoryOps,
  type NumericOp,
  numericOps,
  Op,
} from '../../plugins/sandbox-awsm/src/compiler/opcodes';
import {
  laneMemoryOps,
  laneOps,
  VectorOp,
} from '../../plugins/sandbox-awsm/src/compiler/vector-opcodes';
import type { Coverage } from './coverage';
import { type Draft, instruction, typeOf, zeroOf } from './draft';
import { valueOf } from './plan';
import type { Random } from './random';

const { I32, V128 } = ValueType;
const ADDRESS_MASKS = [0xff, 0xfff, 0xfff8, 0xffff];
const OFFSETS = [0, 0, 0, 1, 4, 8, 16, 100, 1000, 65_530];
const WILD_OFFSETS = [0x10000, 0x7fffffff, 0xfffffff0, 0xffffffff];
/** So seldom does an access go wrong on purpose, or is an operation taken that may trap. */
const WILD_ONE_IN = 600;
const TRAPPING_ONE_IN = 30;
const CALL_ONE_IN = 3;
const AND = codeOf('i32_and');

export function codeOf(name: string): number {
  for (const [code, op] of numericOps) if (op.name === name) return code;
  throw new Error(`no operation ${name}`);
}

/** Where code is written: its module, and the locals that it may use. */
export interface Scope {
  readonly draft: Draft;
  readonly random: Random;
  readonly coverage: Coverage;
  /** Types of parameters and declared locals. */
  readonly locals: ValueTypeCode[];
  /** The function that the code is for: it calls only those behind it, so that calls end. */
  readonly index: number;
  /** Counters of loops around: read only. */
  readonly reserved: Set<number>;
}

export function pushConstant(scope: Scope, type: ValueTypeCode): Instruction {
  if (isReference(type)) return zeroOf(type);
  const bits = valueOf(scope.random, type);
  const word = (n: number): number => Number(BigInt.asIntN(32, bits >> BigInt(32 * n)));
  if (type !== V128) return instruction(zeroOf(type).op, word(0), word(1));
  const bytes = Array.from({ length: 16 }, (_, i) => Number((bits >> BigInt(8 * i)) & 0xffn));
  return instruction(VectorOp.Const, 0, 0, bytes);
}

/** Of two that do, the one that has been used less; one that may trap is seldom taken. */
export function rarer(scope: Scope, ops: readonly number[]): number {
  const total = ops.filter((op) => numericOps.get(op)?.traps !== true);
  const fitting = total.length === 0 || scope.random.oneIn(TRAPPING_ONE_IN) ? ops : total;
  const [a, b] = [scope.random.pick(fitting), scope.random.pick(fitting)];
  return scope.coverage.of(a) <= scope.coverage.of(b) ? a : b;
}

function localsOf(scope: Scope, type: ValueTypeCode): number[] {
  return scope.locals.flatMap((each, i) => (each === type ? [i] : []));
}

function byResult(type: ValueTypeCode): readonly number[] {
  return [...numericOps].filter(([, op]) => op.result === type).map(([code]) => code);
}
const RESULTS = new Map(Object.values(ValueType).map((type) => [type, byResult(type)]));
const LOADS = new Map(
  Object.values(ValueType).map((type) => [
    type as number,
    [...memoryOps].filter(([, op]) => !op.store && op.type === type).map(([code]) => code),
  ]),
);
const EXTRACTS = [...laneOps].filter(([, op]) => !op.replace);
const REPLACES = [...laneOps].filter(([, op]) => op.replace).map(([code]) => code);
const LANE_LOADS = [...laneMemoryOps].filter(([, op]) => !op.store).map(([code]) => code);

/** Code that pushes a value of this type, and takes nothing. */
export function expression(scope: Scope, type: ValueTypeCode, depth: number): Instruction[] {
  const { random } = scope;
  if (depth <= 0 || isReference(type)) return leaf(scope, type);
  switch (random.below(10)) {
    case 0:
      return leaf(scope, type);
    case 1:
    case 2:
      return load(scope, type, depth);
    case 3:
      return [
        ...expression(scope, type, depth - 1),
        ...expression(scope, type, depth - 1),
        ...expression(scope, I32, depth - 1),
        random.oneIn(2) ? instruction(Op.Select) : instruction(Op.SelectTyped, 0, 0, [type]),
      ];
    case 4:
      return special(scope, type, depth);
    case 5:
      return callOf(scope, type, depth);
    default: {
      const code = rarer(scope, RESULTS.get(type as 0x7f) ?? []);
      return [...operands(scope, numericOps.get(code) as NumericOp, depth), instruction(code)];
    }
  }
}

function operands(scope: Scope, op: NumericOp, depth: number): Instruction[] {
  return op.params.flatMap((param) => expression(scope, param, depth - 1));
}

function leaf(scope: Scope, type: ValueTypeCode): Instruction[] {
  const { random } = scope;
  const locals = localsOf(scope, type);
  const isLocal = locals.length > 0 && !random.oneIn(3);
  return [isLocal ? instruction(Op.LocalGet, random.pick(locals)) : pushConstant(scope, type)];
}

/** A guest address that is mostly, but not always, inside. */
export function address(scope: Scope, depth: number): Instruction[] {
  const mask = scope.random.pick(ADDRESS_MASKS);
  const any = expression(scope, I32, depth - 1);
  return [...any, instruction(Op.I32Const, mask), instruction(AND)];
}

export function memoryArgument(scope: Scope, code: number, list?: readonly number[]): Instruction {
  const op = memoryOps.get(code) ?? laneMemoryOps.get(code);
  const { random } = scope;
  const align = random.below((op?.bytesLog2 ?? 0) + 1);
  const offset = random.pick(random.oneIn(WILD_ONE_IN) ? WILD_OFFSETS : OFFSETS);
  return instruction(code, align, offset, list);
}

function load(scope: Scope, type: ValueTypeCode, depth: number): Instruction[] {
  const loads = LOADS.get(type) ?? [];
  if (scope.draft.memory === undefined || loads.length === 0) return leaf(scope, type);
  if (type === V128 && scope.random.oneIn(4)) {
    const code = rarer(scope, LANE_LOADS);
    const lanes = 16 >> (laneMemoryOps.get(code)?.bytesLog2 ?? 0);
    const vector = expression(scope, V128, depth - 1);
    const argument = memoryArgument(scope, code, [scope.random.below(lanes)]);
    return [...address(scope, depth), ...vector, argument];
  }
  return [...address(scope, depth), memoryArgument(scope, rarer(scope, loads))];
}

/** What has immediates of its own. */
function special(scope: Scope, type: ValueTypeCode, depth: number): Instruction[] {
  const { random, draft } = scope;
  const globals = draft.globals.flatMap((global, i) => (global.type.type === type ? [i] : []));
  if (globals.length > 0 && random.oneIn(2)) {
    return [instruction(Op.GlobalGet, random.pick(globals))];
  }
  if (type === V128) return vectorSpecial(scope, depth);
  const extracts = EXTRACTS.filter(([, op]) => op.scalar === type).map(([code]) => code);
  if (type === I32 && random.oneIn(3)) return counts(scope);
  if (extracts.length === 0) return leaf(scope, type);
  const code = rarer(scope, extracts);
  const lane = random.below(laneOps.get(code)?.lanes ?? 1);
  return [...expression(scope, V128, depth - 1), instruction(code, lane)];
}

function vectorSpecial(scope: Scope, depth: number): Instruction[] {
  const { random } = scope;
  const vector = expression(scope, V128, depth - 1);
  if (random.oneIn(2)) {
    const bytes = Array.from({ length: 16 }, () => random.below(32));
    const other = expression(scope, V128, depth - 1);
    return [...vector, ...other, instruction(VectorOp.Shuffle, 0, 0, bytes)];
  }
  const code = rarer(scope, REPLACES);
  const lane = laneOps.get(code);
  const scalar = expression(scope, lane?.scalar ?? I32, depth - 1);
  return [...vector, ...scalar, instruction(code, random.below(lane?.lanes ?? 1))];
}

/** Sizes, and whether a reference is null. */
function counts(scope: Scope): Instruction[] {
  const { random, draft } = scope;
  const table = draft.tables.length === 0 ? undefined : random.below(draft.tables.length);
  if (draft.memory !== undefined && random.oneIn(3)) {
    if (random.oneIn(2)) return [instruction(Op.MemorySize)];
    return [instruction(Op.I32Const, random.below(3)), instruction(Op.MemoryGrow)];
  }
  if (table === undefined) {
    return [instruction(Op.RefNull, ValueType.ExternRef), instruction(Op.RefIsNull)];
  }
  const element = draft.tables[table]?.element ?? ValueType.FuncRef;
  switch (random.below(3)) {
    case 0:
      return [instruction(Op.TableSize, table)];
    case 1: {
      const grow = [instruction(Op.I32Const, random.below(3)), instruction(Op.TableGrow, table)];
      return [zeroOf(element), ...grow];
    }
    default: {
      const index = instruction(Op.I32Const, random.below(4));
      return [index, instruction(Op.TableGet, table), instruction(Op.RefIsNull)];
    }
  }
}

/** A call of a function that gives this type, directly or through a table. */
function callOf(scope: Scope, type: ValueTypeCode, depth: number): Instruction[] {
  const { draft, random } = scope;
  const fitting = draft.functions.flatMap((_, i) => {
    const { results } = typeOf(draft, i);
    return i > scope.index && results.length === 1 && results[0] === type ? [i] : [];
  });
  if (!random.oneIn(CALL_ONE_IN)) return leaf(scope, type);
  if (fitting.length === 0 || depth < 2) return leaf(scope, type);
  const target = random.pick(fitting);
  const args = typeOf(draft, target).params.flatMap((param) => expression(scope, param, 1));
  const tables = draft.tables.flatMap(({ element }, i) =>
    element === ValueType.FuncRef ? [i] : [],
  );
  if (tables.length === 0 || random.oneIn(2)) return [...args, instruction(Op.Call, target)];
  const index = instruction(Op.I32Const, random.oneIn(20) ? random.below(12) : target + 1);
  const typeIndex = draft.functions[target]?.type ?? 0;
  return [...args, index, instruction(Op.CallIndirect, typeIndex, random.pick(tables))];
}
