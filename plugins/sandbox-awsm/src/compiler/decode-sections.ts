import { readBody, readConstExpression } from './decode-code';
import { readReferenceType, readValueType } from './decode-instruction';
import { MODULE_LIMITS as MAX } from './limits';
import {
  type ConstExpression,
  ExternalKind,
  type FunctionType,
  type GlobalType,
  type Limits,
  type TableType,
  ValueType,
  type ValueTypeCode,
  type WasmModule,
} from './model';
import { Op } from './opcodes';
import { malformed, overLimit, unsupported } from './problem';
import type { Reader } from './reader';

/** Reads one section's content; the caller checks that it ends where the section ends. */
export const sectionReaders: ReadonlyMap<number, (r: Reader, m: WasmModule) => void> = new Map([
  [1, readTypes],
  [2, readImports],
  [3, readFunctions],
  [4, readTables],
  [5, readMemories],
  [6, readGlobals],
  [7, readExports],
  [8, readStart],
  [9, readElements],
  [10, readCode],
  [11, readData],
  [12, readDataCount],
]);

function readTypes(reader: Reader, module: WasmModule): void {
  const count = reader.count(MAX.types, 'types');
  for (let i = 0; i < count; i++) {
    const at = reader.at;
    const form = reader.u8();
    if (form >= 0x4e && form <= 0x5f) throw unsupported('garbage collection', at);
    if (form !== 0x60) throw malformed('malformed type form', at);
    const params = readTypeList(reader, MAX.params, 'parameters of a function');
    const results = readTypeList(reader, MAX.results, 'results of a function');
    module.types.push({ params, results } satisfies FunctionType);
  }
}

function readTypeList(reader: Reader, limit: number, what: string): ValueTypeCode[] {
  const at = reader.at;
  const count = reader.u32();
  if (count > reader.end - reader.at) throw malformed('unexpected end', at);
  if (count > limit) throw overLimit(what, at);
  const types: ValueTypeCode[] = [];
  for (let i = 0; i < count; i++) types.push(readValueType(reader));
  return types;
}

function readImports(reader: Reader, module: WasmModule): void {
  const count = reader.count(MAX.imports, 'imports');
  for (let i = 0; i < count; i++) {
    const offset = reader.at;
    const moduleName = reader.name(MAX.nameBytes);
    const name = reader.name(MAX.nameBytes);
    const index = readImportDescription(reader, module);
    module.imports.push({ module: moduleName, name, kind: index.kind, index: index.index, offset });
  }
}

function readImportDescription(
  reader: Reader,
  module: WasmModule,
): { kind: number; index: number } {
  const at = reader.at;
  const kind = reader.u8();
  switch (kind) {
    case ExternalKind.Function:
      module.functions.push(reader.u32());
      module.functionOffsets.push(at);
      return { kind, index: module.importedFunctions++ };
    case ExternalKind.Table:
      module.tables.push(readTableType(reader));
      module.tableOffsets.push(at);
      return { kind, index: module.importedTables++ };
    case ExternalKind.Memory:
      module.memories.push(readMemoryLimits(reader));
      module.memoryOffsets.push(at);
      return { kind, index: module.importedMemories++ };
    case ExternalKind.Global:
      module.globals.push({ type: readGlobalType(reader), init: undefined, offset: at });
      return { kind, index: module.importedGlobals++ };
    case 4:
      if (reader.bytes[reader.at] === 0) throw unsupported('exception handling', at);
      throw malformed('malformed import kind', at);
    default:
      throw malformed('malformed import kind', at);
  }
}

function readFunctions(reader: Reader, module: WasmModule): void {
  const count = reader.count(MAX.functions, 'functions');
  for (let i = 0; i < count; i++) {
    module.functionOffsets.push(reader.at);
    module.functions.push(reader.u32());
  }
}

function readTables(reader: Reader, module: WasmModule): void {
  const count = reader.count(MAX.tables, 'tables');
  for (let i = 0; i < count; i++) {
    module.tableOffsets.push(reader.at);
    if (reader.bytes[reader.at] === 0x40) {
      throw unsupported('typed function references', reader.at);
    }
    module.tables.push(readTableType(reader));
  }
}

function readTableType(reader: Reader): TableType {
  const element = readReferenceType(reader);
  return { element, limits: readLimits(reader, false) };
}

function readMemories(reader: Reader, module: WasmModule): void {
  const count = reader.count(MAX.tables, 'memories');
  for (let i = 0; i < count; i++) {
    module.memoryOffsets.push(reader.at);
    module.memories.push(readMemoryLimits(reader));
  }
}

function readMemoryLimits(reader: Reader): Limits {
  return readLimits(reader, true);
}

function readLimits(reader: Reader, memory: boolean): Limits {
  const at = reader.at;
  const flags = reader.u8();
  if (flags === 0x03 && memory) throw unsupported('threads', at);
  if (flags >= 0x04 && flags <= 0x07) throw unsupported('memory64', at);
  if (flags > 0x01) throw malformed('malformed limits flags', at);
  const min = reader.u32();
  return { min, max: flags === 1 ? reader.u32() : undefined };
}

function readGlobalType(reader: Reader): GlobalType {
  const type = readValueType(reader);
  const at = reader.at;
  const mutability = reader.u8();
  if (mutability > 1) throw malformed('malformed mutability', at);
  return { type, mutable: mutability === 1 };
}

function readGlobals(reader: Reader, module: WasmModule): void {
  const count = reader.count(MAX.globals, 'globals');
  for (let i = 0; i < count; i++) {
    const offset = reader.at;
    const type = readGlobalType(reader);
    module.globals.push({ type, init: readConstExpression(reader), offset });
  }
}

function readExports(reader: Reader, module: WasmModule): void {
  const count = reader.count(MAX.exports, 'exports');
  for (let i = 0; i < count; i++) {
    const offset = reader.at;
    const name = reader.name(MAX.nameBytes);
    const at = reader.at;
    const kind = reader.u8();
    if (kind === 4) throw unsupported('exception handling', at);
    if (kind > 4) throw malformed('malformed export kind', at);
    module.exports.push({ name, kind, index: reader.u32(), offset });
  }
}

function readStart(reader: Reader, module: WasmModule): void {
  const offset = reader.at;
  module.start = { index: reader.u32(), offset };
}

/** Flags: bit 0 passive or declarative, bit 1 explicit table or declarative, bit 2 expressions. */
function readElements(reader: Reader, module: WasmModule): void {
  const count = reader.count(MAX.segments, 'element segments');
  for (let i = 0; i < count; i++) {
    const offset = reader.at;
    const flags = reader.u32();
    if (flags > 7) throw malformed('malformed elements segment kind', offset);
    const active = (flags & 1) === 0;
    const explicit = (flags & 2) !== 0;
    const expressions = (flags & 4) !== 0;
    const table = active && explicit ? reader.u32() : 0;
    const at = active ? readConstExpression(reader) : undefined;
    const type = readElementType(reader, active && !explicit, expressions);
    const items = readElementItems(reader, expressions);
    const mode = active ? 'active' : explicit ? 'declarative' : 'passive';
    module.elements.push({ mode, table, at, type, items, offset });
  }
}

function readElementType(reader: Reader, implicit: boolean, expressions: boolean): ValueTypeCode {
  if (implicit) return ValueType.FuncRef;
  if (expressions) return readReferenceType(reader);
  const at = reader.at;
  if (reader.u8() !== 0) throw malformed('malformed element kind', at);
  return ValueType.FuncRef;
}

function readElementItems(reader: Reader, expressions: boolean): ConstExpression[] {
  const count = reader.count(MAX.segmentItems, 'elements of a segment');
  const items: ConstExpression[] = [];
  for (let i = 0; i < count; i++) {
    if (expressions) {
      items.push(readConstExpression(reader));
      continue;
    }
    const offset = reader.at;
    const a = reader.u32();
    const instruction = { op: Op.RefFunc, offset, a, b: 0, list: undefined };
    items.push({ instructions: [instruction], offset });
  }
  return items;
}

function readCode(reader: Reader, module: WasmModule): void {
  const count = reader.count(MAX.functions, 'function bodies');
  for (let i = 0; i < count; i++) module.bodies.push(readBody(reader));
}

function readData(reader: Reader, module: WasmModule): void {
  const count = reader.count(MAX.segments, 'data segments');
  for (let i = 0; i < count; i++) {
    const offset = reader.at;
    const flags = reader.u32();
    if (flags > 2) throw malformed('malformed data segment kind', offset);
    const memory = flags === 2 ? reader.u32() : 0;
    const at = flags === 1 ? undefined : readConstExpression(reader);
    const length = reader.u32();
    const start = reader.at;
    reader.take(length);
    const mode = flags === 1 ? 'passive' : 'active';
    module.data.push({ mode, memory, at, start, length, offset });
  }
}

function readDataCount(reader: Reader, module: WasmModule): void {
  module.dataCount = reader.u32();
}
