import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ValueType } from '../../plugins/sandbox-awsm/src/compiler/model';
import { memoryOps, Op } from '../../plugins/sandbox-awsm/src/compiler/opcodes';
import { type Draft, draftOf, instruction, zeroOf } from './draft';
import { writeModule } from './write-module';

const FUNCTIONS = join(__dirname, '../../functions');
const { I32, I64, F32, F64, V128, FuncRef, ExternRef } = ValueType;
const ALL = [I32, I64, F32, F64, V128];

export interface Seed {
  readonly name: string;
  readonly wasm: Uint8Array;
}

/** The sample functions, and a blank with one of everything for mutations to fill. */
export function seeds(): Seed[] {
  const files = readdirSync(FUNCTIONS).filter((file) => file.endsWith('.wasm'));
  const real = files.map((name) => ({
    name,
    wasm: new Uint8Array(readFileSync(join(FUNCTIONS, name))),
  }));
  return [...real.filter(({ wasm }) => draftOf(wasm) !== undefined), blank()];
}

const STORES = ['i32_store', 'i64_store', 'f32_store', 'f64_store', 'v128_store'].map(
  (name) => [...memoryOps].find(([, op]) => op.name === name)?.[0] ?? 0,
);

/** Writes a function's locals to memory, where each has its place: so what it did can be seen. */
function shown(first: number, index: number) {
  return ALL.flatMap((_, i) => [
    instruction(Op.I32Const, 1024 + 128 * index + 16 * i),
    instruction(Op.LocalGet, first + i),
    instruction(STORES[i] ?? 0),
  ]);
}

/** A function of one of everything, which shows its locals and gives what it holds of a type. */
function blank(): Seed {
  const types = [
    ...ALL.map((type) => ({ params: ALL, results: [type] })),
    { params: [I32, I64], results: [I64, I32] },
    { params: [], results: [] },
    { params: [FuncRef, ExternRef], results: [FuncRef] },
  ];
  const draft: Draft = {
    types,
    functions: types.map(({ params, results }, type) => {
      const local = (wanted: number) => {
        const at = ALL.findIndex((each) => each === wanted);
        return at < 0 ? zeroOf(wanted) : instruction(Op.LocalGet, params.length + at);
      };
      const body = [...shown(params.length, type), ...results.map(local), instruction(Op.End)];
      return { type, locals: [...ALL], body };
    }),
    tables: [
      { element: FuncRef, limits: { min: 10, max: 20 } },
      { element: ExternRef, limits: { min: 3, max: 6 } },
    ],
    memory: { min: 2, max: 5 },
    globals: ALL.map((type) => ({ type: { type, mutable: true }, init: [zeroOf(type)] })),
    exports: [],
    start: undefined,
    elements: [
      {
        mode: 'active',
        table: 0,
        at: [instruction(Op.I32Const, 1)],
        type: FuncRef,
        items: types.map((_, i) => [instruction(Op.RefFunc, i)]),
      },
      {
        mode: 'passive',
        table: 0,
        at: [],
        type: FuncRef,
        items: [[instruction(Op.RefFunc, 0)], [instruction(Op.RefNull, FuncRef)]],
      },
    ],
    data: [
      {
        at: [instruction(Op.I32Const, 4096)],
        bytes: Uint8Array.from({ length: 999 }, (_, i) => i),
      },
      { at: undefined, bytes: Uint8Array.of(1, 2, 3, 250) },
    ],
  };
  return { name: 'blank', wasm: writeModule(draft) };
}
