import { readInstruction, readValueType } from './decode-instruction';
import { MODULE_LIMITS } from './limits';
import type { ConstExpression, FunctionBody, Instruction, WasmModule } from './model';
import { Op } from './opcodes';
import { malformed, overLimit } from './problem';
import { Reader } from './reader';

/** Reads an initialiser: instructions up to `end`, which is left out. */
export function readConstExpression(reader: Reader): ConstExpression {
  const offset = reader.at;
  const instructions: Instruction[] = [];
  for (;;) {
    const instruction = readInstruction(reader, true);
    if (instruction.op === Op.End) return { instructions, offset };
    instructions.push(instruction);
    if (instructions.length > 64) throw overLimit('instructions of a constant', offset);
  }
}

/** Reads the local declarations of a body and notes where its instructions are. */
export function readBody(reader: Reader): FunctionBody {
  const sizeAt = reader.at;
  const size = reader.u32();
  const end = reader.at + size;
  if (end > reader.end) throw malformed('unexpected end', sizeAt);
  if (size > MODULE_LIMITS.functionBytes) throw overLimit('bytes in a function', sizeAt);
  const body = new Reader(reader.bytes, reader.at, end);
  const groups = body.count(MODULE_LIMITS.functionBytes, 'local declarations');
  const locals = [];
  let total = 0;
  for (let i = 0; i < groups; i++) {
    const at = body.at;
    const count = body.u32();
    total += count;
    if (total > 0xffffffff) throw malformed('too many locals', at);
    locals.push({ count, type: readValueType(body) });
  }
  if (total > MODULE_LIMITS.locals) throw overLimit('locals in a function', sizeAt);
  reader.at = end;
  return { start: body.at, end, locals };
}

/** All instructions of a body, its last `end` included. */
export function decodeBody(module: WasmModule, body: FunctionBody): Instruction[] {
  const reader = new Reader(module.bytes, body.start, body.end);
  const hasDataCount = module.dataCount !== undefined;
  const instructions: Instruction[] = [];
  const blocks: number[] = [0];
  while (blocks.length > 0) {
    if (reader.done) throw malformed('unexpected end of section or function', reader.at);
    const instruction = readInstruction(reader, hasDataCount);
    instructions.push(instruction);
    const op = instruction.op;
    if (op === Op.Block || op === Op.Loop || op === Op.If) {
      blocks.push(op);
      if (blocks.length > MODULE_LIMITS.nesting) {
        throw overLimit('nested blocks', instruction.offset);
      }
    } else if (op === Op.End) {
      blocks.pop();
    } else if (op === Op.Else) {
      if (blocks[blocks.length - 1] !== Op.If) {
        throw malformed('else without if', instruction.offset);
      }
      blocks[blocks.length - 1] = Op.Else;
    }
  }
  if (!reader.done) throw malformed('END opcode expected', reader.at);
  return instructions;
}
