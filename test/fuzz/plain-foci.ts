import {
  type Instruction,
  ValueType,
  type ValueTypeCode,
} from '../../plugins/sandbox-awsm/src/compiler/model';
import { Op } from '../../plugins/sandbox-awsm/src/compiler/opcodes';
import { VectorOp } from '../../plugins/sandbox-awsm/src/compiler/vector-opcodes';
import { instruction } from './draft';
import { codeOf, pushConstant, type Scope } from './expressions';
import type { Focus } from './foci';
import { takeApart } from './plan';

const { I32, I64, F32, F64, V128, FuncRef } = ValueType;
const BLOCK_EMPTY = -64;
const LOAD_BYTE = Op.I32Load + 5;
const BLOCK_I32 = I32 - 128;
const ADD = instruction(codeOf('i32_add'));
const SUB = instruction(Op.I32Sub);
const MUL = instruction(codeOf('i32_mul'));
const XOR = instruction(codeOf('i32_xor'));
const HALF = instruction(codeOf('i32_shr_u'));
const END = instruction(Op.End);
const NUMBERS = [0, 1, 2, 3, 4, 5, 9, 10, 11, 100, 65_535, 65_536, -1, -2, 0x7fffffff];
const COUNTS = [0, 0, 1, 2, 3, 15, 16, 17, 100, 511, 767, 768, 5_000];
const PLACES = [0, 1, 15, 16, 100, 1000, 4096, 64_768, 65_520, 65_535, 65_536, -1];
const SMALL = [0, 0, 1, 1, 2, 3, 4, 9, 10, 11, -1];
const CALLS = 8;
const TABLE_OPS: ReadonlySet<number> = new Set([
  ...[Op.TableGet, Op.TableSet, Op.RefFunc, Op.RefIsNull, Op.CallIndirect],
]);

const x = instruction(Op.LocalGet, 0);
const y = instruction(Op.LocalGet, 1);
const z = instruction(Op.LocalGet, 2);
const toX = instruction(Op.LocalSet, 0);
const toY = instruction(Op.LocalSet, 1);
const number = (value: number): Instruction => instruction(Op.I32Const, value);

/** What stands in every small module, by index. */
export const PARTS = {
  /** (i32, i32) to i32: its operands are not exchangeable. */
  callee: (functions: number): number => functions - 1,
  active: 0,
  passive: 1,
  funcs: 0,
  globalI32: 0,
} as const;

type Write = (scope: Scope) => readonly Instruction[];

/** Of (i32 x, i32 y) to i32. */
const CODE: ReadonlyMap<number, Write> = new Map<number, Write>([
  [Op.Unreachable, () => [x, instruction(Op.If, BLOCK_EMPTY), instruction(Op.Unreachable), END, y]],
  [Op.Nop, () => [x, instruction(Op.Nop), y, SUB, instruction(Op.Nop)]],
  [Op.Block, nested],
  [Op.End, nested],
  [Op.Br, nested],
  [Op.BrIf, (scope) => ladder(scope, instruction(Op.BrIf, scope.random.below(3)))],
  [
    Op.BrTable,
    (scope) => {
      const list = Array.from({ length: scope.random.below(6) }, () => scope.random.below(4));
      return ladder(scope, instruction(Op.BrTable, scope.random.below(4), 0, list));
    },
  ],
  [Op.Loop, loop],
  [Op.If, (scope) => [x, ...choice(scope)]],
  [Op.Else, (scope) => [y, ...choice(scope)]],
  [Op.Return, (s) => [x, instruction(Op.If, BLOCK_EMPTY), y, instruction(Op.Return), END, any(s)]],
  [Op.Call, ({ draft }) => [x, y, instruction(Op.Call, PARTS.callee(draft.functions.length))]],
  [
    Op.CallIndirect,
    ({ draft }) => {
      const { type } = draft.functions[PARTS.callee(draft.functions.length)] ?? { type: 0 };
      return [y, number(77), x, instruction(Op.CallIndirect, type, PARTS.funcs)];
    },
  ],
  [Op.Drop, (scope) => [x, y, any(scope), instruction(Op.Drop), SUB]],
  [Op.Select, (scope) => [x, any(scope), y, instruction(Op.Select)]],
  [Op.SelectTyped, (scope) => [any(scope), x, y, instruction(Op.SelectTyped, 0, 0, [I32])]],
  [Op.LocalGet, () => [y, x, SUB]],
  [Op.LocalSet, (scope) => [y, any(scope), toY, x, toX, x, y, XOR, SUB]],
  [Op.LocalTee, () => [x, y, instruction(Op.LocalTee, 0), SUB, x, number(3), MUL, ADD]],
  [Op.GlobalGet, () => [instruction(Op.GlobalGet, PARTS.globalI32), x, SUB]],
  [
    Op.GlobalSet,
    () => {
      const get = instruction(Op.GlobalGet, PARTS.globalI32);
      return [x, y, SUB, instruction(Op.GlobalSet, PARTS.globalI32), get, x, ADD];
    },
  ],
  [Op.MemorySize, () => [instruction(Op.MemorySize), x, ADD]],
  [Op.MemoryGrow, grow],
  [Op.I32Const, (scope) => [x, any(scope), ADD]],
  [Op.RefNull, () => [instruction(Op.RefNull, FuncRef), instruction(Op.RefIsNull), x, ADD]],
  [Op.RefIsNull, () => [x, instruction(Op.TableGet, PARTS.funcs), instruction(Op.RefIsNull)]],
  [
    Op.RefFunc,
    ({ draft }) => {
      const func = instruction(Op.RefFunc, PARTS.callee(draft.functions.length));
      const put = [x, func, instruction(Op.TableSet, PARTS.funcs), y, number(5), x];
      const { type } = draft.functions[PARTS.callee(draft.functions.length)] ?? { type: 0 };
      return [...put, instruction(Op.CallIndirect, type, PARTS.funcs)];
    },
  ],
  [Op.TableGet, () => [x, instruction(Op.TableGet, PARTS.funcs), instruction(Op.RefIsNull)]],
  [
    Op.TableSet,
    () => {
      const get = [y, instruction(Op.TableGet, PARTS.funcs)];
      const set = [x, ...get, instruction(Op.TableSet, PARTS.funcs)];
      return [...set, x, instruction(Op.TableGet, PARTS.funcs), instruction(Op.RefIsNull)];
    },
  ],
  [Op.TableSize, () => [instruction(Op.TableSize, PARTS.funcs), x, ADD]],
  [
    Op.TableGrow,
    () => {
      const add = [instruction(Op.RefNull, FuncRef), x, instruction(Op.TableGrow, PARTS.funcs)];
      return [...add, number(8), MUL, instruction(Op.TableSize, PARTS.funcs), ADD];
    },
  ],
]);

/** Of (i32, i32, i32) to nothing. */
const BULK: ReadonlyMap<number, Write> = new Map<number, Write>([
  [Op.MemoryInit, () => [x, y, z, instruction(Op.MemoryInit, PARTS.passive)]],
  [
    Op.DataDrop,
    () => {
      const drop = [y, instruction(Op.If, BLOCK_EMPTY), instruction(Op.DataDrop, 1), END];
      return [...drop, x, number(0), z, instruction(Op.MemoryInit, PARTS.passive)];
    },
  ],
  [Op.MemoryCopy, () => [x, y, z, instruction(Op.MemoryCopy)]],
  [Op.MemoryFill, () => [x, y, z, instruction(Op.MemoryFill)]],
  [Op.TableInit, () => [x, y, z, instruction(Op.TableInit, PARTS.passive, PARTS.funcs)]],
  [
    Op.ElemDrop,
    () => {
      const drop = [y, instruction(Op.If, BLOCK_EMPTY), instruction(Op.ElemDrop, 1), END];
      return [...drop, x, number(0), z, instruction(Op.TableInit, PARTS.passive, PARTS.funcs)];
    },
  ],
  [Op.TableCopy, () => [x, y, z, instruction(Op.TableCopy, PARTS.funcs, PARTS.funcs)]],
  [
    Op.TableFill,
    () => {
      const value = [y, instruction(Op.TableGet, PARTS.funcs)];
      return [x, ...value, z, instruction(Op.TableFill, PARTS.funcs)];
    },
  ],
]);

/** What ends where memory does, and copies that overlap by a little. */
const EDGES: ReadonlyMap<number, bigint[][]> = new Map<number, bigint[][]>([
  [Op.MemoryFill, [[65_436n, 7n, 100n]]],
  [
    Op.MemoryCopy,
    [
      [10n, 65_436n, 100n],
      [37n, 30n, 61n],
      [23n, 30n, 61n],
    ],
  ],
]);

const CONSTANTS: ReadonlyMap<number, ValueTypeCode> = new Map<number, ValueTypeCode>([
  [Op.I64Const, I64],
  [Op.F32Const, F32],
  [Op.F64Const, F64],
  [VectorOp.Const, V128],
]);

/** An opcode with immediates or control flow. */
export function plainFocus(op: number, scope: Scope): Focus {
  const constant = CONSTANTS.get(op);
  if (constant !== undefined) return constantFocus(constant, scope);
  const bulk = BULK.get(op);
  const code = bulk ?? CODE.get(op);
  if (code === undefined) throw new Error(`no function for opcode ${op.toString(16)}`);
  const params = bulk === undefined ? [I32, I32] : [I32, I32, I32];
  const results = bulk === undefined ? [I32] : [];
  const args = Array.from({ length: CALLS }, () => argumentsFor(op, scope));
  args.unshift(...(EDGES.get(op) ?? []));
  return { params, results, locals: [], body: [...code(scope), END], args };
}

function argumentsFor(op: number, { random }: Scope): bigint[] {
  const from = (values: readonly number[]): bigint =>
    BigInt.asUintN(32, BigInt(random.pick(values)));
  if (op === Op.MemoryCopy) return [from(PLACES), from(PLACES), from(COUNTS)];
  if (op === Op.MemoryFill) return [from(PLACES), from(NUMBERS), from(COUNTS)];
  if (op === Op.MemoryInit || op === Op.DataDrop) return [from(PLACES), from(SMALL), from(SMALL)];
  if (BULK.has(op)) return [from(SMALL), from(SMALL), from(SMALL)];
  if (TABLE_OPS.has(op)) return [from(SMALL), from(SMALL)];
  if (op === Op.MemoryGrow || op === Op.TableGrow) return [from([0, 1, 1, 2, 9, -1]), 0n];
  return [from(NUMBERS), from(NUMBERS)];
}

function constantFocus(type: ValueTypeCode, scope: Scope): Focus {
  const push = pushConstant(scope, type);
  if (type !== V128) {
    return { params: [], results: [type], locals: [], body: [push, END], args: [[]] };
  }
  const body = [push, ...takeApart([V128], 0), END];
  return { params: [], results: [I64, I64], locals: [V128], body, args: [[]] };
}

const any = (scope: Scope): Instruction => pushConstant(scope, I32);

function nested({ random }: Scope): Instruction[] {
  const block = instruction(Op.Block, BLOCK_EMPTY);
  const leave = instruction(Op.Br, 1 + random.below(2));
  return [
    ...[block, block, x, instruction(Op.If, BLOCK_EMPTY), y, number(5), ADD, toY, leave, END],
    ...[y, number(1), ADD, toY, instruction(Op.Br, random.below(2)), END],
    ...[y, number(16), ADD, toY, END],
    y,
  ];
}

/** Blocks one inside the other, left by `jump`, each of which gives a number of its own. */
function ladder(scope: Scope, jump: Instruction): Instruction[] {
  const block = instruction(Op.Block, BLOCK_EMPTY);
  const rungs = [1, 2, 3].flatMap((rung) => [
    ...[END, y, number(rung * 10 + scope.random.below(3)), ADD, toY],
  ]);
  const value = instruction(Op.Block, BLOCK_I32);
  const inner = [x, jump, y, number(7), XOR, toY].slice(0, jump.op === Op.BrTable ? 2 : 6);
  return [
    block,
    block,
    block,
    block,
    ...inner,
    ...rungs,
    END,
    value,
    y,
    y,
    instruction(Op.BrIf),
    END,
  ];
}

/** Leaves by its condition, or early by a branch out of two blocks. */
function loop({ random }: Scope): Instruction[] {
  const step = [y, number(3), MUL, x, ADD, toY, x, number(1), HALF, instruction(Op.LocalTee, 0)];
  const early = [y, number(1 + random.below(200)), instruction(codeOf('i32_eq'))];
  return [
    ...[instruction(Op.Block, BLOCK_EMPTY), instruction(Op.Loop, BLOCK_EMPTY)],
    ...[...early, instruction(Op.BrIf, 1), ...step, instruction(Op.BrIf, 0), END],
    ...[y, number(1), ADD, toY, END, y],
  ];
}

function choice(scope: Scope): Instruction[] {
  const [head, middle] = [instruction(Op.If, BLOCK_I32), instruction(Op.Else)];
  return [head, y, any(scope), ADD, middle, x, any(scope), SUB, END];
}

/** The new size, the old one, and a byte of the last page. */
function grow(): Instruction[] {
  const size = instruction(Op.MemorySize);
  const last = [size, number(65_536), MUL, number(1), SUB, instruction(LOAD_BYTE)];
  return [x, instruction(Op.MemoryGrow), number(16), MUL, size, ADD, ...last, ADD];
}
