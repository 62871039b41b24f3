import { malformed } from './problem';

/** Reads the binary format. Every method throws a malformed WasmProblem beyond the end. */
export class Reader {
  /** Result of the last `s64`. */
  low = 0;
  high = 0;

  constructor(
    readonly bytes: Uint8Array,
    public at: number,
    readonly end: number,
  ) {}

  get done(): boolean {
    return this.at >= this.end;
  }

  u8(): number {
    if (this.at >= this.end) throw malformed('unexpected end', this.at);
    return this.bytes[this.at++] as number;
  }

  u32(): number {
    const start = this.at;
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.u8();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    const last = this.u8();
    if (last >= 0x80) throw malformed('integer representation too long', start);
    if (last > 0x0f) throw malformed('integer too large', start);
    return (value | (last << 28)) >>> 0;
  }

  s32(): number {
    const start = this.at;
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.u8();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value << (25 - shift)) >> (25 - shift);
    }
    const last = this.u8();
    if (last >= 0x80) throw malformed('integer representation too long', start);
    const sign = last & 0x78;
    if (sign !== 0 && sign !== 0x78) throw malformed('integer too large', start);
    return value | (last << 28);
  }

  /** Block types: a negative number is a value type, others are type indices. */
  s33(): number {
    const start = this.at;
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 4; i++, scale *= 128) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return byte & 0x40 ? value - scale * 128 : value;
    }
    const last = this.u8();
    if (last >= 0x80) throw malformed('integer representation too long', start);
    const sign = last & 0x70;
    if (sign !== 0 && sign !== 0x70) throw malformed('integer too large', start);
    value += (last & 0x7f) * scale;
    return sign ? value - scale * 128 : value;
  }

  /** Leaves the two halves in `low` and `high`. */
  s64(): void {
    const start = this.at;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.u8();
      const bits = byte & 0x7f;
      if (shift < 32) low |= bits << shift;
      if (shift === 28) high |= bits >>> 4;
      if (shift > 28) high |= bits << (shift - 32);
      if (shift === 63) {
        if (byte >= 0x80) throw malformed('integer representation too long', start);
        if (bits !== 0 && bits !== 0x7f) throw malformed('integer too large', start);
      }
      if (byte >= 0x80) continue;
      const next = shift + 7;
      if (byte & 0x40) {
        if (next < 32) low |= -1 << next;
        if (next < 32) high = -1;
        else if (next < 64) high |= -1 << (next - 32);
      }
      break;
    }
    this.low = low | 0;
    this.high = high | 0;
  }

  /** Little-endian bits of an f32, or half of an f64. */
  bits32(): number {
    if (this.end - this.at < 4) throw malformed('unexpected end', this.at);
    const b = this.bytes;
    const at = this.at;
    this.at += 4;
    return (
      (b[at] as number) |
      ((b[at + 1] as number) << 8) |
      ((b[at + 2] as number) << 16) |
      ((b[at + 3] as number) << 24)
    );
  }

  /** A vector's length; every item takes at least one byte. */
  count(limit: number, what: string): number {
    const start = this.at;
    const count = this.u32();
    if (count > this.end - this.at) throw malformed('unexpected end', start);
    if (count > limit) throw malformed(`more than ${String(limit)} ${what}`, start);
    return count;
  }

  take(length: number): Uint8Array {
    const start = this.at;
    if (length > this.end - this.at) throw malformed('unexpected end', start);
    this.at += length;
    return this.bytes.subarray(start, this.at);
  }

  /** A name: its bytes, which must be UTF-8. */
  name(limitBytes: number): Uint8Array {
    const start = this.at;
    const length = this.u32();
    if (length > this.end - this.at) throw malformed('unexpected end', start);
    if (length > limitBytes) throw malformed('name too long', start);
    const bytes = this.take(length);
    if (!isUtf8(bytes)) throw malformed('malformed UTF-8 encoding', start);
    return bytes;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function isUtf8(bytes: Uint8Array): boolean {
  try {
    utf8.decode(bytes);
    return true;
  } catch {
    return false;
  }
}
