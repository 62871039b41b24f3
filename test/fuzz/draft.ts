import { checkModule } from '../../plugins/sandbox-awsm/src/compiler/analyse';
import { decodeModule } from '../../plugins/sandbox-awsm/src/compiler/decode';
import { decodeBody } from '../../plugins/sandbox-awsm/src/compiler/decode-code';
import {
  type ConstExpression,
  type FunctionType,
  type GlobalType,
  type Instruction,
  type TableType,
  ValueType,
  type ValueTypeCode,
  type WasmModule,
} from '../../plugins/sandbox-awsm/src/compiler/model';
import { Op } from '../../plugins/sandbox-awsm/src/compiler/opcodes';
import { VectorOp } from '../../plugins/sandbox-awsm/src/compiler/vector-opcodes';

export interface DraftFunction {
  type: number;
  /** Declared ones, after the parameters. */
  locals: ValueTypeCode[];
  /** Its last `end` included. */
  body: Instruction[];
}

export interface DraftElements {
  mode: 'active' | 'passive' | 'declarative';
  table: number;
  at: Instruction[];
  type: ValueTypeCode;
  items: Instruction[][];
}

/** A module that can be changed: self-contained, without imports. */
export interface Draft {
  types: FunctionType[];
  functions: DraftFunction[];
  tables: TableType[];
  memory: { min: number; max: number } | undefined;
  globals: { type: GlobalType; init: Instruction[] }[];
  exports: { name: string; kind: number; index: number }[];
  start: number | undefined;
  elements: DraftElements[];
  data: { at: Instruction[] | undefined; bytes: Uint8Array }[];
}

const MEMORY_PAGES_MAX = 40;
const MEMORY_PAGES_MORE = 3;
const TABLE_ENTRIES_MAX = 2_000;
const TABLE_ENTRIES_MORE = 8;

export function instruction(op: number, a = 0, b = 0, list?: readonly number[]): Instruction {
  return { op, offset: 0, a, b, list };
}

/** Pushes the number 0 of its type, or null. */
export function zeroOf(type: ValueTypeCode): Instruction {
  switch (type) {
    case ValueType.I32:
      return instruction(Op.I32Const);
    case ValueType.I64:
      return instruction(Op.I64Const);
    case ValueType.F32:
      return instruction(Op.F32Const);
    case ValueType.F64:
      return instruction(Op.F64Const);
    case ValueType.V128:
      return instruction(VectorOp.Const, 0, 0, new Array<number>(16).fill(0));
    default:
      return instruction(Op.RefNull, type);
  }
}

export function typeOf(draft: Draft, index: number): FunctionType {
  const found = draft.functions[index];
  return draft.types[found?.type ?? 0] as FunctionType;
}

export function addType(draft: Draft, type: FunctionType): number {
  return draft.types.push(type) - 1;
}

/** A valid module as a draft; what it imports is replaced by constants. Throws a WasmProblem. */
export function draftOf(bytes: Uint8Array): Draft | undefined {
  const module = decodeModule(bytes);
  checkModule(module);
  const [memory] = module.memories;
  const isLarge =
    (memory?.min ?? 0) > MEMORY_PAGES_MAX ||
    module.tables.some((table) => table.limits.min > TABLE_ENTRIES_MAX);
  if (isLarge) return undefined;
  const constants = (expression: ConstExpression | undefined): Instruction[] =>
    (expression?.instructions ?? []).map((each) => asConstant(module, each));
  return {
    types: [...module.types],
    functions: functionsOf(module),
    tables: module.tables.map(({ element, limits }) => ({
      element,
      limits: bounded(limits, TABLE_ENTRIES_MORE),
    })),
    memory: memory === undefined ? undefined : bounded(memory, MEMORY_PAGES_MORE),
    globals: module.globals.map(({ type, init }) => ({
      type,
      init: init === undefined ? [zeroOf(type.type)] : constants(init),
    })),
    exports: [],
    start: module.start?.index,
    elements: module.elements.map(({ mode, table, at, type, items }) => ({
      mode,
      table,
      at: constants(at),
      type,
      items: items.map(constants),
    })),
    data: module.data.map(({ at, start, length }) => ({
      at: at === undefined ? undefined : constants(at),
      bytes: bytes.subarray(start, start + length),
    })),
  };
}

/** So that both engines let it grow as far. */
function bounded(limits: { min: number; max: number | undefined }, more: number) {
  return { min: limits.min, max: Math.min(limits.max ?? Infinity, limits.min + more) };
}

/** In an initialiser, an imported global is the constant that it becomes. */
function asConstant(module: WasmModule, each: Instruction): Instruction {
  if (each.op !== Op.GlobalGet) return each;
  return zeroOf(module.globals[each.a]?.type.type ?? ValueType.I32);
}

function functionsOf(module: WasmModule): DraftFunction[] {
  return module.functions.map((type, i) => {
    const own = module.bodies[i - module.importedFunctions];
    if (own === undefined) {
      const results = (module.types[type] as FunctionType).results;
      return { type, locals: [], body: [...results.map(zeroOf), instruction(Op.End)] };
    }
    const locals = own.locals.flatMap(({ count, type: of }) => new Array<number>(count).fill(of));
    return { type, locals, body: decodeBody(module, own) };
  });
}
