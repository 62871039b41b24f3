import type { FunctionType, Instruction } from '../../plugins/sandbox-awsm/src/compiler/model';
import { ValueType } from '../../plugins/sandbox-awsm/src/compiler/model';
import { memoryOps, numericOps, Op } from '../../plugins/sandbox-awsm/src/compiler/opcodes';
import {
  laneMemoryOps,
  laneOps,
  VectorOp,
} from '../../plugins/sandbox-awsm/src/compiler/vector-opcodes';
import type { Draft, DraftElements, DraftFunction } from './draft';

const FUNC_TYPE = 0x60;
const BLOCK_EMPTY = -64;

/** Bytes of a module in the binary format. */
class Writer {
  readonly out: number[] = [];

  u8(...bytes: readonly number[]): this {
    for (const byte of bytes) this.out.push(byte & 0xff);
    return this;
  }

  u32(value: number): this {
    let rest = value >>> 0;
    do {
      const low = rest & 0x7f;
      rest >>>= 7;
      this.out.push(rest === 0 ? low : low | 0x80);
    } while (rest !== 0);
    return this;
  }

  s64(value: bigint): this {
    let rest = value;
    for (;;) {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      const isLast = (rest === 0n && low < 0x40) || (rest === -1n && low >= 0x40);
      this.out.push(isLast ? low : low | 0x80);
      if (isLast) return this;
    }
  }

  words(...words: readonly number[]): this {
    for (const word of words) this.u8(word, word >> 8, word >> 16, word >> 24);
    return this;
  }

  bytes(bytes: ArrayLike<number>): this {
    this.u32(bytes.length);
    for (let i = 0; i < bytes.length; i++) this.out.push(bytes[i] as number);
    return this;
  }

  list<T>(items: readonly T[], write: (item: T) => void): this {
    this.u32(items.length);
    items.forEach(write);
    return this;
  }

  section(id: number, count: number, write: (writer: Writer) => void): this {
    if (count === 0) return this;
    const content = new Writer();
    write(content);
    return this.u8(id).bytes(content.out);
  }
}

/** The binary of a draft. Whether it is valid is not asked. */
export function writeModule(draft: Draft): Uint8Array<ArrayBuffer> {
  const { types, functions, tables, memory, globals, exports, start, elements, data } = draft;
  const writer = new Writer().words(0x6d736100, 1);
  writer.section(1, types.length, (w) => w.list(types, (type) => writeType(w, type)));
  writer.section(3, functions.length, (w) => w.list(functions, ({ type }) => w.u32(type)));
  writer.section(4, tables.length, (w) =>
    w.list(tables, ({ element, limits }) => writeLimits(w.u8(element), limits)),
  );
  writer.section(5, memory === undefined ? 0 : 1, (w) =>
    writeLimits(w.u32(1), memory ?? { min: 0, max: 0 }),
  );
  writer.section(6, globals.length, (w) =>
    w.list(globals, ({ type, init }) =>
      writeExpression(w.u8(type.type, type.mutable ? 1 : 0), init),
    ),
  );
  writer.section(7, exports.length, (w) =>
    w.list(exports, ({ name, kind, index }) => w.bytes(Buffer.from(name)).u8(kind).u32(index)),
  );
  writer.section(8, start === undefined ? 0 : 1, (w) => w.u32(start ?? 0));
  writer.section(9, elements.length, (w) => w.list(elements, (each) => writeElements(w, each)));
  writer.section(12, data.length, (w) => w.u32(data.length));
  writer.section(10, functions.length, (w) =>
    w.list(functions, (each) => w.bytes(functionBytes(each))),
  );
  writer.section(11, data.length, (w) =>
    w.list(data, ({ at, bytes }) => {
      if (at === undefined) w.u8(1);
      else writeExpression(w.u8(0), at);
      w.bytes(bytes);
    }),
  );
  return Uint8Array.from(writer.out);
}

function writeType(writer: Writer, { params, results }: FunctionType): void {
  writer.u8(FUNC_TYPE).bytes(params).bytes(results);
}

function writeLimits(writer: Writer, { min, max }: { min: number; max: number | undefined }): void {
  if (max === undefined) writer.u8(0).u32(min);
  else writer.u8(1).u32(min).u32(max);
}

function writeExpression(writer: Writer, instructions: readonly Instruction[]): void {
  for (const each of instructions) writeInstruction(writer, each);
  writer.u8(Op.End);
}

/** With expressions and an explicit type, which every kind of segment may have. */
function writeElements(writer: Writer, { mode, table, at, type, items }: DraftElements): void {
  writer.u8(mode === 'active' ? 6 : mode === 'passive' ? 5 : 7);
  if (mode === 'active') writeExpression(writer.u32(table), at);
  writer.u8(type).list(items, (item) => writeExpression(writer, item));
}

function functionBytes({ locals, body }: DraftFunction): number[] {
  const writer = new Writer();
  const groups: { count: number; type: number }[] = [];
  for (const type of locals) {
    const last = groups[groups.length - 1];
    if (last?.type === type) last.count++;
    else groups.push({ count: 1, type });
  }
  writer.list(groups, ({ count, type }) => writer.u32(count).u8(type));
  for (const each of body) writeInstruction(writer, each);
  return writer.out;
}

function writeInstruction(writer: Writer, each: Instruction): void {
  const { op, a, b, list = [] } = each;
  if (op >= VectorOp.First) writer.u8(0xfd).u32(op - VectorOp.First);
  else if (op >= 0xfc00) writer.u8(0xfc).u32(op - 0xfc00);
  else writer.u8(op);
  if (numericOps.has(op)) return;
  if (memoryOps.has(op)) writer.u32(a).u32(b);
  else if (op === VectorOp.Const || op === VectorOp.Shuffle) writer.u8(...list);
  else if (laneOps.has(op)) writer.u8(a);
  else if (laneMemoryOps.has(op))
    writer
      .u32(a)
      .u32(b)
      .u8(...list);
  else if (op < Op.MemoryInit) writePlain(writer, each);
  else writeBulk(writer, each);
}

function writePlain(writer: Writer, { op, a, b, list = [] }: Instruction): void {
  switch (op) {
    case Op.Block:
    case Op.Loop:
    case Op.If:
      if (a < 0) writer.u8(a === BLOCK_EMPTY ? 0x40 : a + 128);
      else writer.s64(BigInt(a));
      return;
    case Op.BrTable:
      writer.list(list, (depth) => writer.u32(depth)).u32(a);
      return;
    case Op.CallIndirect:
      writer.u32(a).u32(b);
      return;
    case Op.SelectTyped:
      writer.bytes(list);
      return;
    case Op.I32Const:
      writer.s64(BigInt(a | 0));
      return;
    case Op.I64Const:
      writer.s64(BigInt.asIntN(64, (BigInt(b >>> 0) << 32n) | BigInt(a >>> 0)));
      return;
    case Op.F32Const:
      writer.words(a);
      return;
    case Op.F64Const:
      writer.words(a, b);
      return;
    case Op.MemorySize:
    case Op.MemoryGrow:
      writer.u8(0);
      return;
    case Op.RefNull:
      writer.u8(a === 0 ? ValueType.FuncRef : a);
      return;
    default:
      if (hasIndex(op)) writer.u32(a);
  }
}

function hasIndex(op: number): boolean {
  return (
    op === Op.Br ||
    op === Op.BrIf ||
    op === Op.Call ||
    (op >= Op.LocalGet && op <= Op.TableSet) ||
    op === Op.RefFunc
  );
}

function writeBulk(writer: Writer, { op, a, b }: Instruction): void {
  switch (op) {
    case Op.MemoryInit:
      writer.u32(a).u8(0);
      return;
    case Op.MemoryCopy:
      writer.u8(0, 0);
      return;
    case Op.MemoryFill:
      writer.u8(0);
      return;
    case Op.TableInit:
    case Op.TableCopy:
      writer.u32(a).u32(b);
      return;
    default:
      writer.u32(a);
  }
}
