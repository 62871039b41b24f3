/** Reading and writing of the binary format, as far as a snapshot needs it. */

export const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  dataCount: 12,
  data: 11,
} as const;

export interface Section {
  readonly id: number;
  readonly body: Uint8Array;
}

const HEADER = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

/** A cursor over one section; a module that is not valid ends it with a RangeError. */
export class Reader {
  at = 0;

  constructor(readonly bytes: Uint8Array) {}

  get isAtEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    const byte = this.bytes[this.at];
    if (byte === undefined) throw new RangeError('the module ends too early');
    this.at += 1;
    return byte;
  }

  u32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if ((byte & 0x80) === 0) return value;
    }
    throw new RangeError('a number is too long');
  }

  /** Over a signed number of any width. */
  skipSigned(): void {
    while ((this.byte() & 0x80) !== 0);
  }

  skip(bytes: number): void {
    this.at += bytes;
    if (this.at > this.bytes.length) throw new RangeError('the module ends too early');
  }

  slice(bytes: number): Uint8Array {
    const start = this.at;
    this.skip(bytes);
    return this.bytes.subarray(start, this.at);
  }

  name(): string {
    return Buffer.from(this.slice(this.u32())).toString('utf8');
  }
}

/** Bytes of a module, one behind the other. */
export class Writer {
  readonly #parts: Uint8Array[] = [];

  bytes(bytes: Uint8Array | readonly number[]): this {
    this.#parts.push(Uint8Array.from(bytes));
    return this;
  }

  u32(value: number): this {
    const bytes: number[] = [];
    let rest = value;
    do {
      const low = rest % 128;
      rest = Math.floor(rest / 128);
      bytes.push(rest === 0 ? low : low + 128);
    } while (rest !== 0);
    return this.bytes(bytes);
  }

  signed(value: bigint): this {
    const bytes: number[] = [];
    for (let rest = value; ;) {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      const isLast = (rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0);
      bytes.push(isLast ? low : low + 128);
      if (isLast) return this.bytes(bytes);
    }
  }

  name(text: string): this {
    const bytes = Buffer.from(text, 'utf8');
    return this.u32(bytes.length).bytes(bytes);
  }

  take(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

export function readModule(wasm: Uint8Array): Section[] {
  if (!HEADER.every((byte, i) => wasm[i] === byte)) {
    throw new RangeError('it does not begin with the magic number and version 1');
  }
  const reader = new Reader(wasm);
  reader.skip(HEADER.length);
  const sections: Section[] = [];
  while (!reader.isAtEnd) {
    const id = reader.byte();
    sections.push({ id, body: reader.slice(reader.u32()) });
  }
  return sections;
}

export function writeModule(sections: readonly Section[]): Buffer {
  const parts = sections.flatMap(({ id, body }) => [
    new Writer().bytes([id]).u32(body.length).take(),
    body,
  ]);
  return Buffer.concat([HEADER, ...parts]);
}

/** The section with this id, or an empty one. */
export function sectionOf(sections: readonly Section[], id: number): Reader {
  const section = sections.find((each) => each.id === id);
  return new Reader(section?.body ?? Uint8Array.of(0));
}
