import {
  type Instruction,
  ValueType,
  type ValueTypeCode,
} from '../../plugins/sandbox-awsm/src/compiler/model';
import { memoryOps, Op } from '../../plugins/sandbox-awsm/src/compiler/opcodes';
import { laneMemoryOps } from '../../plugins/sandbox-awsm/src/compiler/vector-opcodes';
import { instruction, zeroOf } from './draft';
import {
  address,
  codeOf,
  expression,
  memoryArgument,
  pushConstant,
  rarer,
  type Scope,
} from './expressions';

const BLOCK_EMPTY = -64;
const { I32, I64, F32, F64, V128 } = ValueType;
const DATA_TYPES = [I32, I64, F32, F64, V128];
const STORES = [...memoryOps].filter(([, op]) => op.store).map(([code]) => code);
const LANE_STORES = [...laneMemoryOps].filter(([, op]) => op.store).map(([code]) => code);
const TRIPS = [1, 2, 3, 4, 7, 8, 15, 16, 17, 33, 64, 100, 255, 1000, 2500];
const LOOP_BYTES_MAX = 50_000;
const END = instruction(Op.End);

/** Code that leaves the operand stack as it was. */
export function statement(scope: Scope, depth: number): Instruction[] {
  const { random } = scope;
  switch (random.below(depth > 0 ? 14 : 9)) {
    case 0:
      return setLocal(scope, depth + 1);
    case 1:
    case 2:
      return store(scope, depth + 1);
    case 3:
      return setGlobal(scope, depth + 1);
    case 4:
      return bulk(scope);
    case 5:
      return tables(scope);
    case 9:
      return choice(scope, depth);
    case 10:
      return branches(scope, depth);
    case 11:
      return countedLoop(scope);
    default:
      return fold(scope, depth + 1);
  }
}

const KEPT_AS: Record<number, { type: ValueTypeCode; mix: string; convert?: string }> = {
  [I32]: { type: I32, mix: 'i32_xor' },
  [I64]: { type: I64, mix: 'i64_xor' },
  [F32]: { type: I32, mix: 'i32_xor', convert: 'i32_reinterpret_f32' },
  [F64]: { type: I64, mix: 'i64_xor', convert: 'i64_reinterpret_f64' },
  [V128]: { type: V128, mix: 'i64x2_add' },
};
const TURN: Record<number, string> = { [I32]: 'i32_rotl', [I64]: 'i64_rotl' };

/** Adds a value to what a local has gathered: so every value before it can be seen in the end. */
function fold(scope: Scope, depth: number): Instruction[] {
  const { random } = scope;
  const from = random.pick(DATA_TYPES);
  const kept = KEPT_AS[from];
  const fitting = scope.locals.flatMap((type, i) =>
    type === kept?.type && !scope.reserved.has(i) ? [i] : [],
  );
  const value = expression(scope, from, depth);
  if (kept === undefined || fitting.length === 0) return [...value, instruction(Op.Drop)];
  const local = random.pick(fitting);
  const turn = TURN[kept.type];
  const five = instruction(kept.type === I64 ? Op.I64Const : Op.I32Const, 5);
  return [
    instruction(Op.LocalGet, local),
    ...(turn === undefined ? [] : [five, instruction(codeOf(turn))]),
    ...value,
    ...(kept.convert === undefined ? [] : [instruction(codeOf(kept.convert))]),
    instruction(codeOf(kept.mix)),
    instruction(Op.LocalSet, local),
  ];
}

function setLocal(scope: Scope, depth: number): Instruction[] {
  const free = scope.locals.flatMap((_, i) => (scope.reserved.has(i) ? [] : [i]));
  if (free.length === 0) return [];
  const local = scope.random.pick(free);
  const value = expression(scope, scope.locals[local] as ValueTypeCode, depth);
  return scope.random.oneIn(4)
    ? [...value, instruction(Op.LocalTee, local), instruction(Op.Drop)]
    : [...value, instruction(Op.LocalSet, local)];
}

function store(scope: Scope, depth: number): Instruction[] {
  if (scope.draft.memory === undefined) return [instruction(Op.Nop)];
  if (scope.random.oneIn(5)) {
    const code = rarer(scope, LANE_STORES);
    const lanes = 16 >> (laneMemoryOps.get(code)?.bytesLog2 ?? 0);
    const argument = memoryArgument(scope, code, [scope.random.below(lanes)]);
    return [...address(scope, depth), ...expression(scope, V128, depth), argument];
  }
  const code = rarer(scope, STORES);
  const value = expression(scope, memoryOps.get(code)?.type ?? I32, depth);
  return [...address(scope, depth), ...value, memoryArgument(scope, code)];
}

function setGlobal(scope: Scope, depth: number): Instruction[] {
  const { draft, random } = scope;
  const free = draft.globals.flatMap(({ type }, i) => (type.mutable ? [i] : []));
  if (free.length === 0) return [instruction(Op.Nop)];
  const global = random.pick(free);
  const type = draft.globals[global]?.type.type ?? I32;
  return [...expression(scope, type, depth), instruction(Op.GlobalSet, global)];
}

function small(scope: Scope, most: number): Instruction {
  return instruction(Op.I32Const, scope.random.below(most));
}

function bulk(scope: Scope): Instruction[] {
  const { draft, random } = scope;
  if (draft.memory === undefined) return [instruction(Op.Nop)];
  const to = address(scope, 1);
  const passive = draft.data.flatMap(({ at }, i) => (at === undefined ? [i] : []));
  const segment = passive.length === 0 ? undefined : random.pick(passive);
  switch (random.below(4)) {
    case 0:
      return [...to, small(scope, 300), small(scope, 5000), instruction(Op.MemoryFill)];
    case 1:
      return [...to, ...address(scope, 1), small(scope, 5000), instruction(Op.MemoryCopy)];
    case 2:
      if (segment === undefined) return [instruction(Op.Nop)];
      return [...to, small(scope, 3), small(scope, 3), instruction(Op.MemoryInit, segment)];
    default:
      if (segment === undefined || !random.oneIn(20)) return [instruction(Op.Nop)];
      return [instruction(Op.DataDrop, segment)];
  }
}

function tables(scope: Scope): Instruction[] {
  const { draft, random } = scope;
  if (draft.tables.length === 0) return [instruction(Op.Nop)];
  const table = random.below(draft.tables.length);
  const element = draft.tables[table]?.element ?? ValueType.FuncRef;
  const [to, from, count] = [small(scope, 4), small(scope, 3), small(scope, 2)];
  const segments = draft.elements.flatMap(({ type, mode }, i) =>
    type === element && mode === 'passive' ? [i] : [],
  );
  switch (random.below(5)) {
    case 0: {
      const value = [from, instruction(Op.TableGet, table)];
      return [to, ...value, instruction(Op.TableSet, table)];
    }
    case 1:
      return [to, zeroOf(element), count, instruction(Op.TableFill, table)];
    case 2:
      return [to, from, count, instruction(Op.TableCopy, table, table)];
    case 3:
      if (segments.length === 0) return [instruction(Op.Nop)];
      return [to, small(scope, 2), count, instruction(Op.TableInit, random.pick(segments), table)];
    default:
      if (segments.length === 0 || !random.oneIn(20)) return [instruction(Op.Nop)];
      return [instruction(Op.ElemDrop, random.pick(segments))];
  }
}

function choice(scope: Scope, depth: number): Instruction[] {
  const condition = expression(scope, I32, 2);
  const type = scope.random.pick([...DATA_TYPES, BLOCK_EMPTY]);
  const arm = (): Instruction[] =>
    type === BLOCK_EMPTY ? statement(scope, depth - 1) : expression(scope, type, 2);
  const block = instruction(Op.If, type === BLOCK_EMPTY ? type : type - 128);
  const rest = type === BLOCK_EMPTY ? [] : [instruction(Op.Drop)];
  return [...condition, block, ...arm(), instruction(Op.Else), ...arm(), END, ...rest];
}

/** Blocks that are left by a branch or a table of branches, with code behind it. */
function branches(scope: Scope, depth: number): Instruction[] {
  const { random } = scope;
  const block = instruction(Op.Block, BLOCK_EMPTY);
  const inner = statement(scope, depth - 1);
  const outer = statement(scope, depth - 1);
  const condition = expression(scope, I32, 1);
  if (random.oneIn(2)) {
    return [
      block,
      block,
      ...condition,
      instruction(Op.BrIf, random.below(2)),
      ...inner,
      END,
    ].concat(outer, END);
  }
  const list = Array.from({ length: 1 + random.below(4) }, () => random.below(2));
  const jump = instruction(Op.BrTable, random.below(2), 0, list);
  return [block, block, ...condition, jump, END, ...outer, END];
}

const COMBINE: Record<number, readonly number[]> = {
  [I32]: ['i32_add', 'i32_mul', 'i32_xor', 'i32_sub', 'i32_and', 'i32_shr_s'].map(codeOf),
  [I64]: ['i64_add', 'i64_mul', 'i64_xor', 'i64_or'].map(codeOf),
  [F32]: ['f32_add', 'f32_mul', 'f32_sub', 'f32_min', 'f32_max'].map(codeOf),
  [F64]: ['f64_add', 'f64_mul', 'f64_sub', 'f64_div', 'f64_max'].map(codeOf),
  [V128]: ['i32x4_add', 'f32x4_mul', 'i16x8_max_s', 'v128_xor', 'f64x2_add'].map(codeOf),
};

/** As compilers write loops over arrays: straight code, one step, one test at the end. */
function countedLoop(scope: Scope): Instruction[] {
  const { random } = scope;
  const newLocal = (type: ValueTypeCode): number => scope.locals.push(type) - 1;
  const [counter, base] = [newLocal(I32), newLocal(I32)];
  scope.reserved.add(counter).add(base);
  const step = random.pick([1, 1, 2, 4, 8, 16, -1, -4]);
  const shift = random.below(4);
  const trips = Math.min(random.pick(TRIPS), LOOP_BYTES_MAX / (Math.abs(step) << shift)) | 0;
  const end = random.oneIn(2) ? 0 : random.below(64);
  const lowest = step > 0 ? end - trips * step : end - step;
  const lastBytes = (scope.draft.memory?.min ?? 0) * 65_536 - 64;
  const from = (random.oneIn(60) ? lastBytes : 4096) - (lowest << shift);
  const element = random.pick(DATA_TYPES);
  const body = Array.from({ length: 1 + random.below(3) }, () =>
    loopStatement(scope, element, { counter, base, shift }),
  );
  scope.reserved.delete(counter);
  const test = end === 0 ? [] : [instruction(Op.I32Const, end), instruction(Op.I32Ne)];
  return [
    instruction(Op.I32Const, (end - trips * step) | 0),
    instruction(Op.LocalSet, counter),
    instruction(Op.I32Const, from),
    instruction(Op.LocalSet, base),
    instruction(Op.Loop, BLOCK_EMPTY),
    ...body.flat(),
    instruction(Op.LocalGet, counter),
    instruction(Op.I32Const, step),
    instruction(Op.I32Add),
    instruction(Op.LocalTee, counter),
    ...test,
    instruction(Op.BrIf),
    END,
  ];
}

const SHIFT = codeOf('i32_shl');
const ADDRESS_BITS = instruction(Op.I32Const, 0xffff);

function loopStatement(
  scope: Scope,
  type: ValueTypeCode,
  { counter, base, shift }: { counter: number; base: number; shift: number },
): Instruction[] {
  const { random, draft } = scope;
  const get = (local: number): Instruction => instruction(Op.LocalGet, local);
  const scaled = shift === 0 ? [] : [instruction(Op.I32Const, shift), instruction(SHIFT)];
  const place = [get(counter), ...scaled, get(base), instruction(Op.I32Add)];
  const inside = random.oneIn(3) ? [ADDRESS_BITS, instruction(codeOf('i32_and'))] : [];
  const access = (isStore: boolean): Instruction => {
    const fitting = [...memoryOps].filter(([, op]) => op.type === type && op.store === isStore);
    return instruction(
      rarer(
        scope,
        fitting.map(([code]) => code),
      ),
      0,
      8 * random.below(40),
    );
  };
  const combine = (): Instruction => instruction(random.pick(COMBINE[type] ?? []));
  const invariant = pushConstant(scope, type);
  if (draft.memory === undefined) return [instruction(Op.Nop)];
  const value = [...place, ...inside, access(false), invariant, combine()];
  if (random.oneIn(2)) return [...place, ...inside, ...value, access(true)];
  const sum = scope.locals.push(type) - 1;
  return [get(sum), ...value, combine(), instruction(Op.LocalSet, sum)];
}
