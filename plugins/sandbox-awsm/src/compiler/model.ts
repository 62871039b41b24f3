/** A decoded module: numbers and bytes only. Text stays bytes from here on. */
export const ValueType = {
  I32: 0x7f,
  I64: 0x7e,
  F32: 0x7d,
  F64: 0x7c,
  V128: 0x7b,
  FuncRef: 0x70,
  ExternRef: 0x6f,
} as const;

/** One of `ValueType`, or 0 for the validator's "any type". */
export type ValueTypeCode = number;

export interface FunctionType {
  readonly params: readonly ValueTypeCode[];
  readonly results: readonly ValueTypeCode[];
}

export interface Limits {
  readonly min: number;
  readonly max: number | undefined;
}

export interface TableType {
  readonly element: ValueTypeCode;
  readonly limits: Limits;
}

export interface GlobalType {
  readonly type: ValueTypeCode;
  readonly mutable: boolean;
}

/**
 * One instruction. `a` and `b` hold what `op` says; `list` holds br_table targets, types, the bytes
 * of a vector constant or shuffle, or the lane of a vector access.
 */
export interface Instruction {
  op: number;
  offset: number;
  a: number;
  b: number;
  list: readonly number[] | undefined;
}

export interface ConstExpression {
  readonly instructions: readonly Instruction[];
  readonly offset: number;
}

export const ExternalKind = { Function: 0, Table: 1, Memory: 2, Global: 3 } as const;

export interface Import {
  readonly module: Uint8Array;
  readonly name: Uint8Array;
  readonly kind: number;
  /** Place in the index space of its kind. */
  readonly index: number;
  readonly offset: number;
}

export interface Export {
  readonly name: Uint8Array;
  readonly kind: number;
  readonly index: number;
  readonly offset: number;
}

export interface Global {
  readonly type: GlobalType;
  /** Undefined: imported. */
  readonly init: ConstExpression | undefined;
  readonly offset: number;
}

export interface ElementSegment {
  readonly mode: 'active' | 'passive' | 'declarative';
  readonly table: number;
  readonly at: ConstExpression | undefined;
  readonly type: ValueTypeCode;
  readonly items: readonly ConstExpression[];
  readonly offset: number;
}

export interface DataSegment {
  readonly mode: 'active' | 'passive';
  readonly memory: number;
  readonly at: ConstExpression | undefined;
  readonly start: number;
  readonly length: number;
  readonly offset: number;
}

export interface FunctionBody {
  /** First byte after the local declarations. */
  readonly start: number;
  readonly end: number;
  readonly locals: readonly { readonly count: number; readonly type: ValueTypeCode }[];
}

export interface WasmModule {
  readonly bytes: Uint8Array;
  readonly types: FunctionType[];
  readonly imports: Import[];
  /** Type index of every function of the index space, imported ones first. */
  readonly functions: number[];
  importedFunctions: number;
  readonly tables: TableType[];
  importedTables: number;
  readonly memories: Limits[];
  importedMemories: number;
  readonly globals: Global[];
  importedGlobals: number;
  readonly exports: Export[];
  start: { index: number; offset: number } | undefined;
  readonly elements: ElementSegment[];
  readonly data: DataSegment[];
  dataCount: number | undefined;
  readonly bodies: FunctionBody[];
  /** Offset of the function section's entry of each own function, for errors. */
  readonly functionOffsets: number[];
  readonly tableOffsets: number[];
  readonly memoryOffsets: number[];
}

export function emptyModule(bytes: Uint8Array): WasmModule {
  return {
    bytes,
    types: [],
    imports: [],
    functions: [],
    importedFunctions: 0,
    tables: [],
    importedTables: 0,
    memories: [],
    importedMemories: 0,
    globals: [],
    importedGlobals: 0,
    exports: [],
    start: undefined,
    elements: [],
    data: [],
    dataCount: undefined,
    bodies: [],
    functionOffsets: [],
    tableOffsets: [],
    memoryOffsets: [],
  };
}

export function isReference(type: ValueTypeCode): boolean {
  return type === ValueType.FuncRef || type === ValueType.ExternRef;
}

export function sameTypes(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((type, i) => type === b[i]);
}
