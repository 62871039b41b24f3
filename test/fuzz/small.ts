import { ValueType, type ValueTypeCode } from '../../plugins/sandbox-awsm/src/compiler/model';
import { memoryOps, Op } from '../../plugins/sandbox-awsm/src/compiler/opcodes';
import { Coverage, OPCODES } from './coverage';
import { makeCanonical } from './deterministic';
import { addType, type Draft, instruction, zeroOf } from './draft';
import type { Scope } from './expressions';
import { focusOn } from './foci';
import type { Case } from './fuzzer';
import { type Call, exportGlobals, exportNew, tableProbes, valueOf } from './plan';
import { Random } from './random';
import { statement } from './statements';
import { addWalk } from './walks';
import { writeModule } from './write-module';

const { I32, I64, F32, F64, V128, FuncRef } = ValueType;
const ALL = [I32, I64, F32, F64, V128];
const MIXED_PARAMS = [I32, I64, F32, F64];
/** Functions about one opcode in each module. */
const FOCI = 3;
/** Shares no factor with their number, so that opcodes of all kinds follow one another. */
const STRIDE = 181;
const MIXED_CALLS = 3;
const WALK_ONE_IN = 3;
const PAGE_BYTES = 65_536;
const DATA_BYTES = 120;
const TABLE_ONE_IN = 4;
const MUL = 0x6c;
const ALL_OPCODES = [...OPCODES];
const STORES = ['i32_store', 'i64_store', 'f32_store', 'f64_store', 'v128_store'].map(
  (name) => [...memoryOps].find(([, op]) => op.name === name)?.[0] ?? 0,
);

/**
 * A small module of this number: functions about an opcode each, in turn through all of them,
 * called with border cases; memory with data at both ends, globals; in every other one a function
 * of random statements that calls others, in every fourth a table. Quick to compile, so that there
 * can be many.
 */
export function smallCase(seed: number, index: number, choice: Case['choice']): Case {
  const random = new Random(seed, index, 0x5a11);
  const foci = Array.from({ length: FOCI }, (_, i) => {
    return ALL_OPCODES[((index * FOCI + i) * STRIDE) % ALL_OPCODES.length] as number;
  });
  const hasTable = foci.some(usesTables) || random.oneIn(TABLE_ONE_IN);
  const hasMix = random.oneIn(2);
  const draft = emptyDraft(random, { hasTable, hasMix });
  const coverage = new Coverage();
  const scope = (at: number, locals: ValueTypeCode[]): Scope => ({
    ...{ draft, random, coverage, locals, index: at, reserved: new Set<number>() },
  });
  const calls: Call[] = [];
  foci.forEach((op, i) => {
    const { params, results, locals, body, args } = focusOn(op, scope(i, []));
    const type = addType(draft, { params, results });
    draft.functions[i] = { type, locals: [...locals], body: [...body] };
    draft.exports.push({ name: `f${i}`, kind: 0, index: i });
    calls.push(...args.map((each) => ({ name: `f${i}`, params, results, args: each })));
  });
  if (hasMix) calls.push(...mix(draft, scope(FOCI, [...MIXED_PARAMS, ...ALL])));
  if (index % WALK_ONE_IN === 0) calls.push(...addWalk(draft, new Random(seed, index, 0x3a1c)));
  makeCanonical(draft);
  const globals = exportGlobals(draft);
  draft.exports.push({ name: 'memory', kind: 2, index: 0 });
  if (draft.functions.some(({ body }) => body.some(({ op }) => op === Op.MemoryGrow))) {
    const pages = [instruction(Op.MemorySize), instruction(Op.End)];
    exportNew(draft, 'pages', { params: [], results: [I32] }, [], pages);
  }
  if (hasTable) calls.push(...tableProbes(draft));
  const wasm = writeModule(draft);
  const plan = { calls, globals, hasMemory: true, hasFuel: false };
  return { seed, index, origin: 'small', draft, wasm, plan, choice };
}

const TABLE_OPS: ReadonlySet<number> = new Set([
  ...[Op.CallIndirect, Op.TableGet, Op.TableSet, Op.RefIsNull, Op.RefFunc, Op.TableInit],
  ...[Op.ElemDrop, Op.TableCopy, Op.TableGrow, Op.TableSize, Op.TableFill],
]);
const usesTables = (op: number): boolean => TABLE_OPS.has(op);

/** The function of random statements, which stores the locals it wrote to memory in the end. */
function mix(draft: Draft, scope: Scope): Call[] {
  const { random } = scope;
  const result = random.pick(MIXED_PARAMS);
  const statements = Array.from({ length: 1 + random.below(3) }, () => statement(scope, 1));
  const written = new Set(
    statements.flat().flatMap(({ op, a }) => (op === Op.LocalSet || op === Op.LocalTee ? [a] : [])),
  );
  const shown = ALL.flatMap((_, i) => {
    const local = MIXED_PARAMS.length + i;
    if (!written.has(local)) return [];
    const place = instruction(Op.I32Const, 1024 + 16 * i);
    return [place, instruction(Op.LocalGet, local), instruction(STORES[i] ?? 0)];
  });
  const value = instruction(Op.LocalGet, MIXED_PARAMS.indexOf(result));
  const body = [...statements.flat(), ...shown, value, instruction(Op.End)];
  const type = addType(draft, { params: MIXED_PARAMS, results: [result] });
  const locals = scope.locals.slice(MIXED_PARAMS.length);
  draft.functions[FOCI] = { type, locals, body };
  draft.exports.push({ name: 'mix', kind: 0, index: FOCI });
  return Array.from({ length: MIXED_CALLS }, () => ({
    name: 'mix',
    params: MIXED_PARAMS,
    results: [result],
    args: MIXED_PARAMS.map((each) => valueOf(random, each)),
  }));
}

interface Shape {
  readonly hasTable: boolean;
  readonly hasMix: boolean;
}

/**
 * All but the functions that a module is about, and one that they call. The table holds all but
 * the one of random statements, so that no call comes back to it.
 */
function emptyDraft(random: Random, { hasTable, hasMix }: Shape): Draft {
  const functions = FOCI + (hasMix ? 2 : 1);
  const get = (local: number) => instruction(Op.LocalGet, local);
  const constant = (value: number) => instruction(Op.I32Const, value);
  const [times, minus, end] = [instruction(MUL), instruction(Op.I32Sub), instruction(Op.End)];
  const callee = [get(0), constant(31), times, get(1), minus, end];
  const items = Array.from({ length: functions }, (_, i) => [
    hasMix && i === FOCI ? zeroOf(FuncRef) : instruction(Op.RefFunc, i),
  ]);
  const segment = { table: 0, type: FuncRef };
  return {
    types: [
      { params: [], results: [] },
      { params: [I32, I32], results: [I32] },
    ],
    functions: Array.from({ length: functions }, (_, i) => {
      if (i === functions - 1) return { type: 1, locals: [], body: callee };
      return { type: 0, locals: [], body: [end] };
    }),
    tables: hasTable ? [{ element: FuncRef, limits: { min: 10, max: 20 } }] : [],
    memory: { min: 1, max: 3 },
    globals: [I32, random.pick(ALL)].map((type) => ({
      type: { type, mutable: true },
      init: [zeroOf(type)],
    })),
    exports: [],
    start: undefined,
    elements: hasTable
      ? [
          { ...segment, mode: 'active', at: [constant(1)], items },
          { ...segment, mode: 'passive', at: [], items: items.slice(-3) },
        ]
      : [],
    data: [
      { at: [constant(0)], bytes: random.bytes(DATA_BYTES) },
      { at: undefined, bytes: Uint8Array.of(1, 2, 3, 250) },
      { at: [constant(PAGE_BYTES - 32)], bytes: random.bytes(32) },
    ],
  };
}
