import { type Instruction, ValueType, type ValueTypeCode } from './model';
import { laneMemoryOps, laneOps, VectorOp } from './vector-opcodes';

const { I32, V128 } = ValueType;

/** The part of the type checker that vector instructions need. */
export interface Operands {
  readonly stack: ValueTypeCode[];
  popAll(types: readonly ValueTypeCode[]): void;
  /** Requires a memory, and that the instruction asks for no more than natural alignment. */
  requireAccess(instruction: Instruction, bytesLog2: number): void;
  fail(reason: string): Error;
}

/** Checks a vector instruction with immediates of its own. */
export function checkVector(operands: Operands, instruction: Instruction): void {
  const { op, a, list = [] } = instruction;
  const { stack } = operands;
  if (op === VectorOp.Const) {
    stack.push(V128);
    return;
  }
  if (op === VectorOp.Shuffle) {
    if (list.some((lane) => lane >= 32)) throw operands.fail('invalid lane index');
    operands.popAll([V128, V128]);
    stack.push(V128);
    return;
  }
  const lane = laneOps.get(op);
  if (lane === undefined) return checkLaneAccess(operands, instruction);
  if (a >= lane.lanes) throw operands.fail('invalid lane index');
  operands.popAll(lane.replace ? [V128, lane.scalar] : [V128]);
  stack.push(lane.replace ? V128 : lane.scalar);
}

function checkLaneAccess(operands: Operands, instruction: Instruction): void {
  const op = laneMemoryOps.get(instruction.op);
  if (op === undefined) throw operands.fail('illegal opcode');
  const [lane = 0] = instruction.list ?? [];
  operands.requireAccess(instruction, op.bytesLog2);
  if (lane >= 16 >> op.bytesLog2) throw operands.fail('invalid lane index');
  operands.popAll([I32, V128]);
  if (!op.store) operands.stack.push(V128);
}
