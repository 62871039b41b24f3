import { readFileSync } from 'node:fs';
import path from 'node:path';

/** A sample function of the repository. */
export function sample(name: string): Buffer {
  return readFileSync(path.join(__dirname, '../../../functions', `${name}.wasm`));
}

const text = (value: string): number[] => [value.length, ...Buffer.from(value)];
const section = (id: number, bytes: number[]): number[] => [id, ...leb(bytes.length), ...bytes];

export function leb(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) + 0x80, ...leb(Math.floor(value / 0x80))];
}

export interface Parts {
  /** Code of `_start`, which takes and gives nothing; without the end. */
  code?: number[];
  memory?: number[];
  /** [module, name, type]: type 0 is () -> (), 1 is (i32) -> (i32). */
  imports?: [string, string, number][];
  data?: number[];
  table?: number[];
  elements?: number[];
  startName?: string;
}

/** A module from its parts, so that tests need no assembler. */
export function assemble(parts: Parts): Uint8Array {
  const imports = parts.imports ?? [];
  const body = [0, ...(parts.code ?? []), 0x0b];
  const exported = text(parts.startName ?? '_start');
  return Buffer.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [2, 0x60, 0, 0, 0x60, 1, 0x7f, 1, 0x7f]),
    ...section(2, [
      ...leb(imports.length),
      ...imports.flatMap(([module, name, type]) => [...text(module), ...text(name), 0, type]),
    ]),
    ...section(3, [1, 0]),
    ...(parts.table === undefined ? [] : section(4, [1, 0x70, ...parts.table])),
    ...section(5, [1, ...(parts.memory ?? [0, 1])]),
    ...section(7, [2, ...exported, 0, imports.length, ...text('memory'), 2, 0]),
    ...(parts.elements === undefined ? [] : section(9, parts.elements)),
    ...section(10, [1, ...leb(body.length), ...body]),
    ...(parts.data === undefined ? [] : section(11, parts.data)),
  ]);
}
