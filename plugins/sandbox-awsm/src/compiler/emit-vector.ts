import { addressText } from './emit-access';
import { vectorConstant } from './c-types';
import type { FunctionEmitter } from './emit-function';
import { type Instruction, ValueType } from './model';
import { laneMemoryOps, laneOps, VectorOp } from './vector-opcodes';

const { V128 } = ValueType;

/** The vector instructions with immediates of their own. `covered`: a load needs no force. */
export function emitVector(
  emitter: FunctionEmitter,
  instruction: Instruction,
  covered: boolean,
): void {
  const { op, a, list = [] } = instruction;
  if (op === VectorOp.Const) {
    return emitter.line(`${emitter.slot(V128, emitter.height)} = ${vectorConstant(list)};`);
  }
  if (op === VectorOp.Shuffle) {
    const operands = `${emitter.operand(1)}, ${emitter.operand(0)}`;
    const to = emitter.slot(V128, emitter.height - 2);
    return emitter.line(`${to} = i8x16_shuffle(${operands}, ${list.join(', ')});`);
  }
  const lane = laneOps.get(op);
  if (lane === undefined) return emitLaneAccess(emitter, instruction, covered);
  if (lane.replace) {
    const operands = `${emitter.operand(1)}, ${String(a)}, ${emitter.operand(0)}`;
    return emitter.line(`${emitter.operand(1)} = ${lane.name}(${operands});`);
  }
  const to = emitter.slot(lane.scalar, emitter.height - 1);
  emitter.line(`${to} = ${lane.name}(${emitter.operand(0)}, ${String(a)});`);
}

function emitLaneAccess(
  emitter: FunctionEmitter,
  instruction: Instruction,
  covered: boolean,
): void {
  const op = laneMemoryOps.get(instruction.op);
  if (op === undefined) return;
  const [lane = 0] = instruction.list ?? [];
  const address = addressText(emitter.operand(1), instruction.b);
  const name = `${op.name}${covered ? '_covered' : ''}`;
  const call = `${name}(${address}, ${emitter.operand(0)}, ${String(lane)});`;
  if (op.store) return emitter.line(call);
  emitter.line(`${emitter.slot(V128, emitter.height - 2)} = ${call}`);
}
