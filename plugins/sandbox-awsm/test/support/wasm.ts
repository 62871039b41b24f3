/** Writes small modules byte by byte: what no assembler would write included. */

export const MAGIC = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

export function leb(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  do {
    const byte = rest % 128;
    rest = Math.floor(rest / 128);
    out.push(rest > 0 ? byte | 0x80 : byte);
  } while (rest > 0);
  return out;
}

export function section(id: number, content: readonly number[]): number[] {
  return [id, ...leb(content.length), ...content];
}

export function vector(items: readonly (readonly number[])[]): number[] {
  return [...leb(items.length), ...items.flat()];
}

export function name(text: string): number[] {
  const bytes = [...Buffer.from(text, 'utf8')];
  return [...leb(bytes.length), ...bytes];
}

export function module(...sections: readonly (readonly number[])[]): Uint8Array {
  return Uint8Array.from([...MAGIC, ...sections.flat()]);
}

/** A module with one function of type [] -> [] and this body (its `end` included). */
export function withBody(body: readonly number[], ...more: readonly number[][]): Uint8Array {
  return module(
    section(1, vector([[0x60, 0, 0]])),
    section(3, vector([[0]])),
    ...more,
    section(10, vector([[...leb(body.length + 1), 0, ...body]])),
  );
}
