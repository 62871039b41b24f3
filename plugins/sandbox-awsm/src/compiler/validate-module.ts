import { MODULE_LIMITS } from './limits';
import {
  type ConstExpression,
  ExternalKind,
  type FunctionType,
  isReference,
  type Limits,
  ValueType,
  type ValueTypeCode,
  type WasmModule,
} from './model';
import { Op } from './opcodes';
import { invalid, overLimit, unsupported } from './problem';
import { VectorOp } from './vector-opcodes';

const PAGES_MAX = 65536;
const EXTENDED_CONST: ReadonlySet<number> = new Set([0x6a, 0x6b, 0x6c, 0x7c, 0x7d, 0x7e]);

/** The functions that `ref.func` may name: those an initialiser, element or export mentions. */
export type DeclaredReferences = ReadonlySet<number>;

/** Checks everything outside function bodies; throws an invalid WasmProblem. */
export function validateModule(module: WasmModule): DeclaredReferences {
  checkFunctionTypes(module);
  checkTablesAndMemories(module);
  const declared = new Set<number>();
  checkGlobals(module, declared);
  checkExports(module, declared);
  checkStart(module);
  checkElements(module, declared);
  checkData(module);
  return declared;
}

export function functionType(module: WasmModule, index: number): FunctionType {
  return module.types[module.functions[index] as number] as FunctionType;
}

function checkFunctionTypes(module: WasmModule): void {
  module.functions.forEach((type, i) => {
    if (type >= module.types.length) {
      throw invalid('unknown type', module.functionOffsets[i] as number);
    }
  });
}

function checkLimits(limits: Limits, most: number, message: string, offset: number): void {
  if (limits.min > most || (limits.max ?? 0) > most) throw invalid(message, offset);
  if (limits.max !== undefined && limits.min > limits.max) {
    throw invalid('size minimum must not be greater than maximum', offset);
  }
}

function checkTablesAndMemories(module: WasmModule): void {
  module.tables.forEach((table, i) => {
    const offset = module.tableOffsets[i] as number;
    checkLimits(table.limits, 0xffffffff, 'table size', offset);
    if (i >= module.importedTables && table.limits.min > MODULE_LIMITS.tableEntries) {
      throw overLimit('initial table entries', offset);
    }
  });
  module.memories.forEach((memory, i) => {
    const message = 'memory size must be at most 65536 pages (4GiB)';
    checkLimits(memory, PAGES_MAX, message, module.memoryOffsets[i] as number);
  });
  if (module.memories.length > 1) {
    throw unsupported('multiple memories', module.memoryOffsets[1] as number);
  }
}

function checkGlobals(module: WasmModule, declared: Set<number>): void {
  for (const global of module.globals) {
    if (global.init === undefined) continue;
    checkConstant(module, global.init, global.type.type, declared);
  }
}

/** One constant instruction of the right type. */
function checkConstant(
  module: WasmModule,
  expression: ConstExpression,
  wanted: ValueTypeCode,
  declared: Set<number>,
): void {
  const stack: ValueTypeCode[] = [];
  for (const instruction of expression.instructions) {
    if (EXTENDED_CONST.has(instruction.op) && stack.length >= 2) {
      throw unsupported('extended constant expressions', instruction.offset);
    }
    stack.push(constantType(module, instruction, declared));
  }
  if (stack.length !== 1 || stack[0] !== wanted) throw invalid('type mismatch', expression.offset);
}

function constantType(
  module: WasmModule,
  instruction: { op: number; a: number; offset: number },
  declared: Set<number>,
): ValueTypeCode {
  switch (instruction.op) {
    case Op.I32Const:
      return ValueType.I32;
    case Op.I64Const:
      return ValueType.I64;
    case Op.F32Const:
      return ValueType.F32;
    case Op.F64Const:
      return ValueType.F64;
    case VectorOp.Const:
      return ValueType.V128;
    case Op.RefNull:
      return instruction.a;
    case Op.RefFunc:
      if (instruction.a >= module.functions.length) {
        throw invalid('unknown function', instruction.offset);
      }
      declared.add(instruction.a);
      return ValueType.FuncRef;
    case Op.GlobalGet: {
      const global = module.globals[instruction.a];
      if (global === undefined || global.init !== undefined) {
        throw invalid('unknown global', instruction.offset);
      }
      if (global.type.mutable) throw invalid('constant expression required', instruction.offset);
      return global.type.type;
    }
    default:
      throw invalid('constant expression required', instruction.offset);
  }
}

function checkExports(module: WasmModule, declared: Set<number>): void {
  const names = new Set<string>();
  const spaces: Record<number, [number, string]> = {
    [ExternalKind.Function]: [module.functions.length, 'unknown function'],
    [ExternalKind.Table]: [module.tables.length, 'unknown table'],
    [ExternalKind.Memory]: [module.memories.length, 'unknown memory'],
    [ExternalKind.Global]: [module.globals.length, 'unknown global'],
  };
  for (const entry of module.exports) {
    const [count, message] = spaces[entry.kind] as [number, string];
    if (entry.index >= count) throw invalid(message, entry.offset);
    const name = Buffer.from(entry.name).toString('latin1');
    if (names.has(name)) throw invalid('duplicate export name', entry.offset);
    names.add(name);
    if (entry.kind === ExternalKind.Function) declared.add(entry.index);
  }
}

function checkStart(module: WasmModule): void {
  if (module.start === undefined) return;
  const { index, offset } = module.start;
  if (index >= module.functions.length) throw invalid('unknown function', offset);
  const type = functionType(module, index);
  if (type.params.length > 0 || type.results.length > 0) throw invalid('start function', offset);
}

function checkElements(module: WasmModule, declared: Set<number>): void {
  for (const segment of module.elements) {
    if (segment.mode === 'active') {
      const table = module.tables[segment.table];
      if (table === undefined) throw invalid('unknown table', segment.offset);
      if (table.element !== segment.type) throw invalid('type mismatch', segment.offset);
    }
    if (segment.at !== undefined) checkConstant(module, segment.at, ValueType.I32, declared);
    if (!isReference(segment.type)) throw invalid('type mismatch', segment.offset);
    for (const item of segment.items) checkConstant(module, item, segment.type, declared);
  }
}

function checkData(module: WasmModule): void {
  const declared = new Set<number>();
  for (const segment of module.data) {
    if (segment.mode === 'passive') continue;
    if (segment.memory >= module.memories.length) throw invalid('unknown memory', segment.offset);
    if (segment.at !== undefined) checkConstant(module, segment.at, ValueType.I32, declared);
  }
}
