/** What of a module's sections V8's own reflection does not tell: import types and memories. */
export interface ModuleSections {
  readonly functionImports: readonly FunctionImport[];
  readonly memory: MemoryLimits | undefined;
}

export interface FunctionImport {
  readonly module: string;
  readonly name: string;
  /** As in `wasi-signatures`: one letter per parameter, a colon, one per result. */
  readonly signature: string;
}

export interface MemoryLimits {
  readonly minPages: number;
  readonly maxPages: number | undefined;
  /** Only 0 and 1 are plain memories: shared and 64-bit ones have other bits. */
  readonly flags: number;
  /** Place of the memory section, its header included. */
  readonly start: number;
  readonly end: number;
}

const HEADER_BYTES = 8;
const SECTION_TYPE = 1;
const SECTION_IMPORT = 2;
const SECTION_MEMORY = 5;
const LETTERS: Readonly<Record<number, string>> = { 0x7f: 'i', 0x7e: 'I', 0x7d: 'f', 0x7c: 'F' };

class Reader {
  constructor(
    readonly bytes: Uint8Array,
    public at: number,
  ) {}

  byte(): number {
    const byte = this.bytes[this.at++];
    if (byte === undefined) throw new RangeError('the module ends too early');
    return byte;
  }

  u32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a number is too long');
  }

  name(): string {
    const length = this.u32();
    this.at += length;
    return Buffer.from(this.bytes.subarray(this.at - length, this.at)).toString('utf8');
  }

  types(): string {
    let letters = '';
    for (let left = this.u32(); left > 0; left -= 1) letters += LETTERS[this.byte()] ?? '?';
    return letters;
  }
}

/** Reads a module that V8 has accepted. */
export function readSections(bytes: Uint8Array): ModuleSections {
  const reader = new Reader(bytes, HEADER_BYTES);
  let types: string[] = [];
  let functionImports: FunctionImport[] = [];
  let memory: MemoryLimits | undefined;
  while (reader.at < bytes.length) {
    const start = reader.at;
    const id = reader.byte();
    const end = reader.u32() + reader.at;
    if (id === SECTION_TYPE) types = readTypes(reader);
    else if (id === SECTION_IMPORT) functionImports = readImports(reader, types);
    else if (id === SECTION_MEMORY) memory = readMemory(reader, start, end);
    reader.at = end;
  }
  return { functionImports, memory };
}

function readTypes(reader: Reader): string[] {
  const FUNCTION = 0x60;
  const types: string[] = [];
  for (let left = reader.u32(); left > 0; left -= 1) {
    // Types of later proposals have no place among the imports that we offer.
    if (reader.byte() !== FUNCTION) return types;
    types.push(`${reader.types()}:${reader.types()}`);
  }
  return types;
}

function readImports(reader: Reader, types: readonly string[]): FunctionImport[] {
  const imports: FunctionImport[] = [];
  for (let left = reader.u32(); left > 0; left -= 1) {
    const module = reader.name();
    const name = reader.name();
    if (reader.byte() !== 0) return imports;
    imports.push({ module, name, signature: types[reader.u32()] ?? '?' });
  }
  return imports;
}

function readMemory(reader: Reader, start: number, end: number): MemoryLimits | undefined {
  if (reader.u32() === 0) return undefined;
  const flags = reader.byte();
  const minPages = reader.u32();
  const maxPages = (flags & 1) === 1 ? reader.u32() : undefined;
  return { minPages, maxPages, flags, start, end };
}

/** The module with its memory limited to `limitPages`, so that memory.grow beyond answers -1. */
export function limitMemory(bytes: Uint8Array, limitPages: number): Uint8Array {
  const { memory } = readSections(bytes);
  if (memory === undefined) return bytes;
  const maxPages = Math.min(memory.maxPages ?? limitPages, limitPages);
  const body = [1, 1, ...encode(memory.minPages), ...encode(maxPages)];
  return Buffer.concat([
    bytes.subarray(0, memory.start),
    Buffer.from([SECTION_MEMORY, ...encode(body.length), ...body]),
    bytes.subarray(memory.end),
  ]);
}

function encode(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) + 0x80);
  bytes.push(left);
  return bytes;
}
