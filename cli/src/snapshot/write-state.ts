import { SECTION, Writer } from './binary';
import type { Section } from './binary';
import { TYPE } from './module-shape';
import type { GlobalShape, ModuleShape } from './module-shape';

const PAGE_BYTES = 65_536;
/** What one segment costs in the module and at its start. */
const SEGMENT_GAP_BYTES = 64;
/** V8 takes no more than 100,000. */
const SEGMENTS_MAX = 20_000;

/** Mutable globals start with what they held; the others stay as they are. */
export function globalSection(
  shapes: readonly GlobalShape[],
  values: readonly (number | bigint | undefined)[],
): Section {
  const writer = new Writer().u32(shapes.length);
  shapes.forEach(({ type, isMutable, init }, i) => {
    writer.bytes([type, isMutable ? 1 : 0]);
    const value = values[i];
    if (value === undefined) writer.bytes(init);
    else writeConstant(writer, type, value);
  });
  return { id: SECTION.global, body: writer.take() };
}

function writeConstant(writer: Writer, type: number, value: number | bigint): void {
  const bytes = Buffer.alloc(8);
  if (type === TYPE.i32) writer.bytes([0x41]).signed(BigInt(value));
  else if (type === TYPE.i64) writer.bytes([0x42]).signed(BigInt(value));
  else if (type === TYPE.f32) {
    bytes.writeFloatLE(Number(value));
    writer.bytes([0x43]).bytes(bytes.subarray(0, 4));
  } else {
    bytes.writeDoubleLE(Number(value));
    writer.bytes([0x44]).bytes(bytes);
  }
  writer.bytes([0x0b]);
}

/** Memory as it was left: its size, and what is not zero as segments. */
export function memorySections(
  memory: WebAssembly.Memory,
  shape: ModuleShape,
): { memory: Section; count: Section; data: Section } {
  const bytes = new Uint8Array(memory.buffer);
  const ranges = filledRanges(bytes);
  const data = new Writer().u32(ranges.length);
  for (const { start, end } of ranges) {
    data
      .bytes([0, 0x41])
      .signed(BigInt(start | 0))
      .bytes([0x0b]);
    data.u32(end - start).bytes(bytes.subarray(start, end));
  }
  const { flags, maxPages } = shape.memories[0] ?? { flags: 0, maxPages: undefined };
  const size = new Writer()
    .u32(1)
    .bytes([flags])
    .u32(bytes.length / PAGE_BYTES);
  if (maxPages !== undefined) size.u32(maxPages);
  return {
    memory: { id: SECTION.memory, body: size.take() },
    count: { id: SECTION.dataCount, body: new Writer().u32(ranges.length).take() },
    data: { id: SECTION.data, body: data.take() },
  };
}

interface ByteRange {
  readonly start: number;
  readonly end: number;
}

function filledRanges(bytes: Uint8Array): ByteRange[] {
  for (let gap = SEGMENT_GAP_BYTES; ; gap *= 2) {
    const ranges = rangesWithin(bytes, gap);
    if (ranges.length <= SEGMENTS_MAX) return ranges;
  }
}

/** Ranges that are not zero, with gaps of fewer than `gap` bytes closed. */
function rangesWithin(bytes: Uint8Array, gap: number): ByteRange[] {
  const ranges: ByteRange[] = [];
  let start = -1;
  let last = 0;
  for (let i = 0; i < bytes.length; i += 1) {
    if (bytes[i] === 0) continue;
    if (start >= 0 && i - last > gap) {
      ranges.push({ start, end: last + 1 });
      start = -1;
    }
    if (start < 0) start = i;
    last = i;
  }
  if (start >= 0) ranges.push({ start, end: last + 1 });
  return ranges;
}
