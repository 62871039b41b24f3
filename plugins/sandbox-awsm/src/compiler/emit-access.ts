import { functionReference, globalPlace, tableEntry, tablePlace, tableSize } from './access';
import { hex32 } from './c-types';
import type { FunctionEmitter } from './emit-function';
import { type Instruction, ValueType, type ValueTypeCode } from './model';
import { Op, memoryOps } from './opcodes';

/** Everything that reads or writes tables, globals, segments and memory as a whole. */
export function emitAccess(emitter: FunctionEmitter, instruction: Instruction): void {
  switch (instruction.op) {
    case Op.GlobalGet:
    case Op.GlobalSet:
      return emitGlobal(emitter, instruction);
    case Op.MemorySize:
      return setTop(emitter, 0, 'MEM_PAGES');
    case Op.MemoryGrow:
      return setTop(emitter, 1, `I->host->memory_grow(I, ${emitter.operand(0)})`);
    case Op.MemoryInit:
    case Op.MemoryCopy:
    case Op.MemoryFill:
      return emitBulkMemory(emitter, instruction);
    case Op.DataDrop:
      return emitter.line(`S->data_dropped[${String(instruction.a)}] = 1;`);
    case Op.ElemDrop:
      return emitter.line(`S->elements_dropped[${String(instruction.a)}] = 1;`);
    case Op.RefNull:
      return emitter.line(`${emitter.slot(instruction.a, emitter.height)} = 0;`);
    case Op.RefFunc: {
      const to = emitter.slot(ValueType.FuncRef, emitter.height);
      return emitter.line(`${to} = ${functionReference(emitter.layout, instruction.a)};`);
    }
    default:
      return emitTable(emitter, instruction);
  }
}

/** Assigns an i32 to the place of the top of the stack after `popped` operands have gone. */
function setTop(emitter: FunctionEmitter, popped: number, text: string): void {
  emitter.line(`${emitter.slot(ValueType.I32, emitter.height - popped)} = ${text};`);
}

/** The host address of a guest address and an offset. */
export function addressText(operand: string, offset: number): string {
  const address = `MEM + (u64)${operand}`;
  return offset === 0 ? address : `${address} + (u64)${hex32(offset)}`;
}

/** A load or store. `covered`: the load needs no force. */
export function emitMemoryAccess(
  emitter: FunctionEmitter,
  instruction: Instruction,
  covered: boolean,
): void {
  const op = memoryOps.get(instruction.op);
  if (op === undefined) return;
  const address = (operand: string): string => addressText(operand, instruction.b);
  if (op.store) {
    emitter.line(`${op.name}(${address(emitter.operand(1))}, ${emitter.operand(0)});`);
    return;
  }
  const to = emitter.slot(op.type, emitter.height - 1);
  const from = address(emitter.operand(0));
  emitter.line(`${to} = ${op.name}${covered ? '_covered' : ''}(${from});`);
}

function emitGlobal(emitter: FunctionEmitter, instruction: Instruction): void {
  const place = globalPlace(emitter.layout, instruction.a);
  if (instruction.op === Op.GlobalSet) return emitter.line(`${place} = ${emitter.operand(0)};`);
  const type = emitter.layout.module.globals[instruction.a]?.type.type as ValueTypeCode;
  emitter.line(`${emitter.slot(type, emitter.height)} = ${place};`);
}

function emitBulkMemory(emitter: FunctionEmitter, instruction: Instruction): void {
  const operands = [emitter.operand(2), emitter.operand(1), emitter.operand(0)].join(', ');
  switch (instruction.op) {
    case Op.MemoryFill:
      return emitter.line(`memory_fill(I, MEM, MEM_BYTES, ${operands});`);
    case Op.MemoryCopy:
      return emitter.line(`memory_copy(I, MEM, MEM_BYTES, ${operands});`);
    default: {
      const index = String(instruction.a);
      const data = emitter.layout.module.data[instruction.a];
      const bytes = `S->data_dropped[${index}] ? 0 : ${String(data?.length ?? 0)}u`;
      const start = `module_data + ${String(emitter.layout.dataOffsets[instruction.a])}u`;
      emitter.line(`memory_init(I, MEM, MEM_BYTES, ${start}, ${bytes}, ${operands});`);
    }
  }
}

function emitTable(emitter: FunctionEmitter, instruction: Instruction): void {
  const { layout } = emitter;
  const { a, b } = instruction;
  switch (instruction.op) {
    case Op.TableGet: {
      const text = `table_get(I, ${tablePlace(layout, a)}, ${emitter.operand(0)})`;
      const type = layout.module.tables[a]?.element as ValueTypeCode;
      return emitter.line(`${emitter.slot(type, emitter.height - 1)} = ${text};`);
    }
    case Op.TableSet: {
      const entry = tableEntry(layout, a, emitter.operand(0));
      return emitter.line(
        `table_set(I, ${tablePlace(layout, a)}, ${emitter.operand(1)}, ${entry});`,
      );
    }
    case Op.TableSize:
      return setTop(emitter, 0, tableSize(layout, a));
    case Op.TableGrow: {
      const entry = tableEntry(layout, a, emitter.operand(1));
      const delta = emitter.operand(0);
      return setTop(emitter, 2, `table_grow(I, ${tablePlace(layout, a)}, ${delta}, ${entry})`);
    }
    case Op.TableFill: {
      const entry = tableEntry(layout, a, emitter.operand(1));
      const place = `${tablePlace(layout, a)}, ${emitter.operand(2)}`;
      return emitter.line(`table_fill(I, ${place}, ${entry}, ${emitter.operand(0)});`);
    }
    case Op.TableCopy: {
      const operands = [emitter.operand(2), emitter.operand(1), emitter.operand(0)].join(', ');
      const places = `${tablePlace(layout, a)}, ${tablePlace(layout, b)}`;
      return emitter.line(`table_copy(I, ${places}, ${operands});`);
    }
    case Op.TableInit:
      return emitTableInit(emitter, a, b);
  }
}

function emitTableInit(emitter: FunctionEmitter, segment: number, table: number): void {
  const { layout } = emitter;
  const index = String(segment);
  const elements = layout.module.elements[segment];
  const count = `S->elements_dropped[${index}] ? 0 : ${String(elements?.items.length ?? 0)}u`;
  const isFunc = elements?.type === ValueType.FuncRef ? '1' : '0';
  const operands = [emitter.operand(2), emitter.operand(1), emitter.operand(0)].join(', ');
  const place = tablePlace(layout, table);
  emitter.line(`table_init(I, ${place}, elements_${index}, ${count}, ${isFunc}, ${operands});`);
}
