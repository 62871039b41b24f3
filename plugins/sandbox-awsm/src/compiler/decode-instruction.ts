import { MODULE_LIMITS } from './limits';
import { type Instruction, ValueType, type ValueTypeCode } from './model';
import { Op, memoryOps, numericOps } from './opcodes';
import { malformed, overLimit, unsupported, type WasmProblem } from './problem';
import type { Reader } from './reader';
import { laneMemoryOps, laneOps, VectorOp } from './vector-opcodes';

/** Block type encodings in `Instruction.a`: a type index, or one of these. */
export const BLOCK_EMPTY = -64;

const RELAXED_COUNT = 0x14;
const VALUE_TYPES: ReadonlySet<number> = new Set(Object.values(ValueType));

export function readValueType(reader: Reader): ValueTypeCode {
  const at = reader.at;
  const type = reader.u8();
  if (VALUE_TYPES.has(type)) return type;
  refuseType(type, at);
  throw malformed('malformed value type', at);
}

export function readReferenceType(reader: Reader): ValueTypeCode {
  const at = reader.at;
  const type = reader.u8();
  if (type === ValueType.FuncRef || type === ValueType.ExternRef) return type;
  refuseType(type, at);
  throw malformed('malformed reference type', at);
}

/** Throws for the types of proposals: (ref null? t), exnref and its bottom, anyref and the like. */
function refuseType(type: number, at: number): void {
  if (type === 0x63 || type === 0x64) throw unsupported('typed function references', at);
  if (type === 0x69 || type === 0x74) throw unsupported('exception handling', at);
  if (type >= 0x6a && type <= 0x73) throw unsupported('garbage collection', at);
}

/** Reads one instruction with its immediates. */
export function readInstruction(reader: Reader, hasDataCount: boolean): Instruction {
  const offset = reader.at;
  const op = reader.u8();
  const instruction: Instruction = { op, offset, a: 0, b: 0, list: undefined };
  if (op >= Op.I32Eqz && op <= Op.I64Extend32S) return instruction;
  const memory = memoryOps.get(op);
  if (memory !== undefined) {
    readMemoryArgument(reader, instruction);
    return instruction;
  }
  if (op === 0xfc) readPrefixed(reader, instruction, hasDataCount);
  else if (op === 0xfd) readVector(reader, instruction);
  else readPlain(reader, instruction);
  return instruction;
}

function readMemoryArgument(reader: Reader, instruction: Instruction): void {
  const at = reader.at;
  instruction.a = reader.u32();
  if (instruction.a >= 64 && instruction.a < 128) throw unsupported('multiple memories', at);
  if (instruction.a >= 32) throw malformed('malformed memop flags', at);
  instruction.b = reader.u32();
}

function readPlain(reader: Reader, instruction: Instruction): void {
  switch (instruction.op) {
    case Op.Unreachable:
    case Op.Nop:
    case Op.Else:
    case Op.End:
    case Op.Return:
    case Op.Drop:
    case Op.Select:
    case Op.RefIsNull:
      return;
    case Op.Block:
    case Op.Loop:
    case Op.If:
      instruction.a = readBlockType(reader);
      return;
    case Op.BrTable:
      readBranchTable(reader, instruction);
      return;
    case Op.CallIndirect:
      instruction.a = reader.u32();
      instruction.b = reader.u32();
      return;
    case Op.SelectTyped:
      instruction.list = readSelectTypes(reader);
      return;
    case Op.MemorySize:
    case Op.MemoryGrow:
      readZero(reader);
      return;
    case Op.RefNull:
      instruction.a = readReferenceType(reader);
      return;
    default:
      readNumbers(reader, instruction);
  }
}

function readNumbers(reader: Reader, instruction: Instruction): void {
  switch (instruction.op) {
    case Op.Br:
    case Op.BrIf:
    case Op.Call:
    case Op.LocalGet:
    case Op.LocalSet:
    case Op.LocalTee:
    case Op.GlobalGet:
    case Op.GlobalSet:
    case Op.TableGet:
    case Op.TableSet:
    case Op.RefFunc:
      instruction.a = reader.u32();
      return;
    case Op.I32Const:
      instruction.a = reader.s32();
      return;
    case Op.I64Const:
      reader.s64();
      instruction.a = reader.low;
      instruction.b = reader.high;
      return;
    case Op.F32Const:
      instruction.a = reader.bits32();
      return;
    case Op.F64Const:
      instruction.a = reader.bits32();
      instruction.b = reader.bits32();
      return;
    default:
      throw unknownOpcode(instruction.op, instruction.offset);
  }
}

function readPrefixed(reader: Reader, instruction: Instruction, hasDataCount: boolean): void {
  const sub = reader.u32();
  instruction.op = sub < 256 ? 0xfc00 + sub : -1;
  if (numericOps.has(instruction.op)) return;
  switch (instruction.op) {
    case Op.MemoryInit:
      instruction.a = reader.u32();
      readZero(reader);
      requireDataCount(hasDataCount, instruction);
      return;
    case Op.DataDrop:
      instruction.a = reader.u32();
      requireDataCount(hasDataCount, instruction);
      return;
    case Op.MemoryCopy:
      readZero(reader);
      readZero(reader);
      return;
    case Op.MemoryFill:
      readZero(reader);
      return;
    case Op.TableInit:
    case Op.TableCopy:
      instruction.a = reader.u32();
      instruction.b = reader.u32();
      return;
    case Op.ElemDrop:
    case Op.TableGrow:
    case Op.TableSize:
    case Op.TableFill:
      instruction.a = reader.u32();
      return;
    default:
      throw malformed('illegal opcode', instruction.offset);
  }
}

function readVector(reader: Reader, instruction: Instruction): void {
  const op = VectorOp.First + Math.min(reader.u32(), 0xffff);
  instruction.op = op;
  if (numericOps.has(op)) return;
  if (memoryOps.has(op)) readMemoryArgument(reader, instruction);
  else if (op === VectorOp.Const || op === VectorOp.Shuffle)
    instruction.list = [...reader.take(16)];
  else if (laneOps.has(op)) instruction.a = reader.u8();
  else if (laneMemoryOps.has(op)) {
    readMemoryArgument(reader, instruction);
    instruction.list = [reader.u8()];
  } else if (op >= VectorOp.Relaxed && op < VectorOp.Relaxed + RELAXED_COUNT) {
    throw unsupported('relaxed SIMD', instruction.offset);
  } else throw malformed('illegal opcode', instruction.offset);
}

function requireDataCount(hasDataCount: boolean, instruction: Instruction): void {
  if (!hasDataCount) throw malformed('data count section required', instruction.offset);
}

function readZero(reader: Reader): void {
  const at = reader.at;
  if (reader.u8() !== 0) throw malformed('zero byte expected', at);
}

function readBlockType(reader: Reader): number {
  const at = reader.at;
  const first = reader.bytes[at] as number;
  if (first === 0x40) {
    reader.at++;
    return BLOCK_EMPTY;
  }
  if (at < reader.end && first >= 0x41 && first < 0x80) return readValueType(reader) - 128;
  const index = reader.s33();
  if (index < 0) throw malformed('malformed block type', at);
  return index;
}

function readBranchTable(reader: Reader, instruction: Instruction): void {
  const at = reader.at;
  const count = reader.u32();
  if (count > reader.end - reader.at) throw malformed('unexpected end', at);
  if (count > MODULE_LIMITS.branchTargets) throw overLimit('branch targets', at);
  const list: number[] = [];
  for (let i = 0; i < count; i++) list.push(reader.u32());
  instruction.list = list;
  instruction.a = reader.u32();
}

function readSelectTypes(reader: Reader): number[] {
  const at = reader.at;
  const count = reader.u32();
  if (count > reader.end - reader.at) throw malformed('unexpected end', at);
  if (count > MODULE_LIMITS.results) throw overLimit('types of a select', at);
  const list: number[] = [];
  for (let i = 0; i < count; i++) list.push(readValueType(reader));
  return list;
}

function unknownOpcode(op: number, offset: number): WasmProblem {
  if (op === 0xfe) return unsupported('threads', offset);
  if (op === 0x12 || op === 0x13 || op === 0x15) return unsupported('tail calls', offset);
  if (op === 0x14) return unsupported('typed function references', offset);
  if ((op >= 0x06 && op <= 0x0a) || op === 0x18 || op === 0x19 || op === 0x1f) {
    return unsupported('exception handling', offset);
  }
  if (op === 0xfb || op === 0xd3) return unsupported('garbage collection', offset);
  if (op >= 0xd4 && op <= 0xd6) return unsupported('typed function references', offset);
  return malformed('illegal opcode', offset);
}
