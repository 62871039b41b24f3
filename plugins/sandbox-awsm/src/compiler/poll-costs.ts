import type { Instruction } from './model';
import { Op, memoryOps, numericOps } from './opcodes';
import { laneMemoryOps, VectorOp } from './vector-opcodes';

/** The most, in cost units, that code may take between two looks at the flag. */
export const POLL_BUDGET = 8000;

const CALL_COST = 5;
const CALL_INDIRECT_COST = 30;

const FREE: ReadonlySet<number> = new Set([
  Op.Nop,
  Op.Block,
  Op.Loop,
  Op.If,
  Op.Else,
  Op.End,
  Op.Drop,
  Op.LocalGet,
  Op.LocalSet,
  Op.LocalTee,
  Op.I32Const,
  Op.I64Const,
  Op.F32Const,
  Op.F64Const,
  Op.RefNull,
  VectorOp.Const,
]);

/** What one instruction costs, without what a function that it calls costs. */
export function instructionCost(instruction: Instruction): number {
  const { op } = instruction;
  if (FREE.has(op)) return 0;
  const memory = memoryOps.get(op);
  if (memory !== undefined) return memory.store ? 1 : 2;
  const numeric = numericOps.get(op);
  if (numeric !== undefined) return numericCost(numeric.name);
  if (laneMemoryOps.has(op)) return 2;
  switch (op) {
    case Op.BrTable:
      return 4;
    case Op.Call:
      return CALL_COST;
    case Op.CallIndirect:
      return CALL_INDIRECT_COST;
    case Op.MemoryGrow:
      return 1000;
    default:
      return 1;
  }
}

function numericCost(name: string): number {
  if (/^i(32|64)_(div|rem)_/.test(name)) return 20;
  if (/^i(32|64)_mul$/.test(name)) return 2;
  if (/^f(32|64)(x[24])?_(div|sqrt)$/.test(name)) return 16;
  if (/^i(16x8|32x4)_(mul|extmul)/.test(name)) return 2;
  if (/^(i64x2_mul|i8x16_(sh[lr]|popcnt)|f\d+x\d_(min|max)$)/.test(name)) return 6;
  if (/_(trunc_sat|trunc|convert|demote|promote)_/.test(name)) return 2;
  if (name.startsWith('f') && !name.includes('reinterpret')) return 3;
  return 1;
}
