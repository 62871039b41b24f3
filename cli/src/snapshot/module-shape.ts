import { Reader, SECTION, sectionOf } from './binary';
import type { Section } from './binary';

export const EXTERNAL = { function: 0, table: 1, memory: 2, global: 3 } as const;
export const TYPE = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const;

export interface GlobalShape {
  readonly type: number;
  readonly isMutable: boolean;
  /** Its initialiser as it stands in the module, the final `end` included. */
  readonly init: Uint8Array;
}

export interface ExportShape {
  readonly name: string;
  readonly kind: number;
  readonly index: number;
}

/** What a snapshot has to know of a module. */
export interface ModuleShape {
  /** In their order; with the index of its type for a function. */
  readonly imports: readonly {
    readonly name: string;
    readonly kind: number;
    readonly type: number | undefined;
  }[];
  readonly tables: number;
  readonly memories: readonly { readonly flags: number; readonly maxPages: number | undefined }[];
  readonly globals: readonly GlobalShape[];
  readonly exports: readonly ExportShape[];
  readonly start: number | undefined;
  readonly hasPassiveData: boolean;
}

export function readShape(sections: readonly Section[]): ModuleShape {
  const starts = sections.find((section) => section.id === SECTION.start);
  return {
    imports: readImports(sectionOf(sections, SECTION.import)),
    tables: sectionOf(sections, SECTION.table).u32(),
    memories: readMemories(sectionOf(sections, SECTION.memory)),
    globals: readGlobals(sectionOf(sections, SECTION.global)),
    exports: readExports(sectionOf(sections, SECTION.export)),
    start: starts === undefined ? undefined : new Reader(starts.body).u32(),
    hasPassiveData: hasPassiveData(sectionOf(sections, SECTION.data)),
  };
}

function times<T>(count: number, read: () => T): T[] {
  return Array.from({ length: count }, read);
}

function readLimits(reader: Reader): { flags: number; maxPages: number | undefined } {
  const flags = reader.byte();
  reader.u32();
  return { flags, maxPages: (flags & 1) === 0 ? undefined : reader.u32() };
}

function readImports(reader: Reader): ModuleShape['imports'] {
  return times(reader.u32(), () => {
    const name = `${reader.name()}.${reader.name()}`;
    const kind = reader.byte();
    const type = kind === EXTERNAL.function ? reader.u32() : undefined;
    if (kind === EXTERNAL.global) reader.skip(2);
    if (kind === EXTERNAL.table) reader.byte();
    if (kind === EXTERNAL.table || kind === EXTERNAL.memory) readLimits(reader);
    return { name, kind, type };
  });
}

function readMemories(reader: Reader): ModuleShape['memories'] {
  return times(reader.u32(), () => readLimits(reader));
}

function readGlobals(reader: Reader): GlobalShape[] {
  return times(reader.u32(), () => {
    const type = reader.byte();
    const isMutable = reader.byte() === 1;
    const start = reader.at;
    skipExpression(reader);
    return { type, isMutable, init: reader.bytes.subarray(start, reader.at) };
  });
}

/** Over a constant expression of the supported proposals. */
export function skipExpression(reader: Reader): void {
  for (let op = reader.byte(); op !== 0x0b; op = reader.byte()) {
    if (op === 0x41 || op === 0x42) reader.skipSigned();
    else if (op === 0x43) reader.skip(4);
    else if (op === 0x44) reader.skip(8);
    else if (op === 0x23 || op === 0xd2) reader.u32();
    else if (op === 0xd0) reader.byte();
    else if (op === 0xfd) reader.skip(reader.u32() === 12 ? 16 : 0);
    else throw new RangeError(`opcode 0x${op.toString(16)} in a constant expression`);
  }
}

function readExports(reader: Reader): ExportShape[] {
  return times(reader.u32(), () => ({
    name: reader.name(),
    kind: reader.byte(),
    index: reader.u32(),
  }));
}

function hasPassiveData(reader: Reader): boolean {
  let isPassive = false;
  for (let left = reader.u32(); left > 0; left -= 1) {
    const flags = reader.u32();
    if (flags === 1) isPassive = true;
    if (flags === 2) reader.u32();
    if (flags !== 1) skipExpression(reader);
    reader.skip(reader.u32());
  }
  return isPassive;
}
