import { type Instruction, ValueType } from '../../plugins/sandbox-awsm/src/compiler/model';
import { memoryOps, Op } from '../../plugins/sandbox-awsm/src/compiler/opcodes';
import { laneMemoryOps, VectorOp } from '../../plugins/sandbox-awsm/src/compiler/vector-opcodes';
import { addType, type Draft, instruction } from './draft';
import { codeOf } from './expressions';
import type { Call } from './plan';
import type { Random } from './random';

const { I32, I64 } = ValueType;
const PAGE_BYTES = 65_536;
const BLOCK_EMPTY = -64;
const CALLS = 10;
const COUNT_MASK = 15;
const END = instruction(Op.End);
const ADD = instruction(codeOf('i32_add'));
const MUL = instruction(codeOf('i32_mul'));
const AND = instruction(codeOf('i32_and'));
const XOR = instruction(codeOf('i32_xor'));
const EQUAL = instruction(codeOf('i32_eq'));
const SHL = instruction(codeOf('i32_shl'));
const SUB = instruction(Op.I32Sub);
/** By index: parameters, and locals that begin at 0. */
const Local = {
  from: 0,
  count: 1,
  i: 2,
  limit: 3,
  pointer: 4,
  last: 5,
  sum: 6,
  turn: 7,
  place: 8,
} as const;
const LOADS = [...memoryOps].filter(([, op]) => !op.store).map(([code]) => code);
const STORES = [...memoryOps].filter(([, op]) => op.store && op.type === I32).map(([code]) => code);
const LANES = [...laneMemoryOps].filter(([, op]) => !op.store).map(([code]) => code);

const get = (local: number): Instruction => instruction(Op.LocalGet, local);
const set = (local: number): Instruction => instruction(Op.LocalSet, local);
const number = (value: number): Instruction => instruction(Op.I32Const, value | 0);

/** How the loop counts: from `start` by `step`, to a limit that `trips` iterations reach. */
interface Counting {
  readonly start: number;
  readonly step: number;
  /** undefined: (count & COUNT_MASK) + 1 of them, as each call says. */
  readonly trips: number | undefined;
  readonly shape: 'plain' | 'teed' | 'every other turn' | 'moving limit' | 'behind the latch';
}

/** Where an access is in the first iteration, but for `from`, and in which steps it goes on. */
interface Reach {
  readonly at: number;
  readonly stride: number;
  readonly bytes: number;
}

/**
 * Appends a function that walks through memory in a counted loop: what the compiler asks before
 * such loops, and which loads it forces, shows where a walk ends at an edge of memory and nobody
 * uses what it reads. Its loop ends whatever it is called with.
 */
export function addWalk(draft: Draft, random: Random): Call[] {
  const walk = new Walk(random);
  const body = walk.body();
  const type = { params: [I32, I32], results: [I32] };
  const index = draft.functions.length;
  draft.functions.push({ type: addType(draft, type), locals: new Array(7).fill(I32), body });
  draft.exports.push({ name: 'walk', kind: 0, index });
  return walk.args().map((args) => ({ name: 'walk', ...type, args }));
}

class Walk {
  private readonly counting: Counting;
  private readonly reaches: Reach[] = [];
  private readonly pointerStep: number;
  /** The pointer, or the counter, has been stepped when the accesses come. */
  private readonly stepsFirst: boolean;
  private readonly countsFirst: boolean;

  constructor(private readonly random: Random) {
    const shape = random.oneIn(2)
      ? 'plain'
      : random.pick(['teed', 'every other turn', 'moving limit', 'behind the latch'] as const);
    const isConstant = shape === 'teed' || (shape === 'plain' && random.oneIn(2));
    this.counting = {
      shape,
      step: shape === 'behind the latch' ? 1 : random.pick([1, 1, 2, 3, 4, 8, -1, -1, -4]),
      start: shape === 'behind the latch' ? 0 : random.pick([0, 0, 1, 5, 64, -7]),
      trips: isConstant ? random.pick([1, 2, 3, 8, 16, 33]) : undefined,
    };
    this.pointerStep = random.pick([1, 4, 8, 8, 16, 24, -4, -8, 1000]);
    this.stepsFirst = random.oneIn(3);
    this.countsFirst = shape === 'plain' && random.oneIn(3);
  }

  body(): Instruction[] {
    const { random } = this;
    const accesses = Array.from({ length: 1 + random.below(3) }, () => this.access());
    const stepPointer = random.oneIn(8)
      ? [get(Local.i), number(this.pointerStep), MUL, get(Local.from), ADD, set(Local.pointer)]
      : [get(Local.pointer), number(this.pointerStep), ADD, set(Local.pointer)];
    const parts = [...accesses.flat(), ...(random.oneIn(6) ? this.rare() : [])];
    const around = this.stepsFirst ? [...stepPointer, ...parts] : [...parts, ...stepPointer];
    return [
      ...[get(Local.from), set(Local.pointer)],
      ...this.before(),
      instruction(Op.Loop, BLOCK_EMPTY),
      ...(this.countsFirst ? this.next() : []),
      ...around,
      ...this.latch(),
      END,
      ...[get(Local.last), get(Local.sum), ADD, END],
    ];
  }

  private before(): Instruction[] {
    const { start, step, trips, shape } = this.counting;
    const counted = [get(Local.count), number(COUNT_MASK), AND, number(1), ADD];
    const limit = [...counted, number(step), MUL, number(start), ADD, set(Local.limit)];
    const known = trips === undefined ? limit : [number(start + step * trips), set(Local.limit)];
    const begin = [number(start), set(Local.i)];
    if (shape !== 'teed') return [...known, ...begin];
    // begins some steps earlier than the constant says that stands here
    const back = [get(Local.count), number(7), AND, number(step), MUL];
    const earlier = [number(start), ...back, SUB, instruction(Op.LocalTee, Local.i)];
    return [...begin, ...earlier, instruction(Op.Drop)];
  }

  private next(): Instruction[] {
    const { step } = this.counting;
    const by = step < 0 && this.random.oneIn(2) ? [number(-step), SUB] : [number(step), ADD];
    return [get(Local.i), ...by, set(Local.i)];
  }

  private latch(): Instruction[] {
    const { start, step, trips, shape } = this.counting;
    const next = this.countsFirst ? [] : this.next();
    const limit = trips === undefined ? get(Local.limit) : number(start + step * trips);
    const test = [get(Local.i), limit, instruction(Op.I32Ne), instruction(Op.BrIf, 0)];
    const turn = [get(Local.turn), number(1), ADD, set(Local.turn)];
    switch (shape) {
      case 'behind the latch': // once
        return [get(Local.i), instruction(Op.BrIf, 0), ...next];
      case 'every other turn': {
        const odd = [get(Local.turn), number(1), AND, instruction(Op.If, BLOCK_EMPTY)];
        return [...turn, ...odd, ...next, END, ...test];
      }
      case 'moving limit': {
        const second = [get(Local.turn), number(1), EQUAL, number(4 * step), MUL];
        return [...next, ...turn, get(Local.limit), ...second, ADD, set(Local.limit), ...test];
      }
      default:
        return [...next, ...test];
    }
  }

  /** Iterations of a call. */
  private tripsOf(count: number): number {
    const { trips = (count & COUNT_MASK) + 1, shape } = this.counting;
    switch (shape) {
      case 'behind the latch':
        return 1;
      case 'every other turn':
        return 2 * trips - 1;
      case 'moving limit':
        return trips === 1 ? 1 : trips + 4;
      case 'teed':
        return trips + (count & 7);
      default:
        return trips;
    }
  }

  private access(): Instruction[] {
    const { random } = this;
    const { code, text, at, stride } = this.place();
    const operation = memoryOps.get(code) ?? laneMemoryOps.get(code);
    const bytes = 1 << (operation?.bytesLog2 ?? 0);
    const offset = random.pick([0, 0, 0, 4, 16, 8 * random.below(40), 4096]);
    this.reaches.push({ at: at + offset, stride, bytes });
    const whole = [...text, ...this.operate(code, offset)];
    if (random.oneIn(3)) return this.sometimes(whole);
    return whole;
  }

  private operate(code: number, offset: number): Instruction[] {
    const { random } = this;
    const plain = memoryOps.get(code);
    if (plain === undefined) {
      const zero = instruction(VectorOp.Const, 0, 0, new Array<number>(16).fill(0));
      return [zero, instruction(code, 0, offset, [0]), instruction(Op.Drop)];
    }
    const each = instruction(code, 0, offset);
    if (plain.store) return [get(Local.i), each];
    if (plain.type !== I32 && plain.type !== I64) return [each, instruction(Op.Drop)];
    const asI32 = plain.type === I64 ? [instruction(codeOf('i32_wrap_i64'))] : [];
    const uses = [
      [instruction(Op.Drop)],
      [...asI32, set(Local.last)],
      [...asI32, get(Local.sum), XOR, set(Local.sum)],
    ];
    return [each, ...random.pick([uses[0], uses[0], uses[1], uses[1], uses[2]] as Instruction[][])];
  }

  /** An address, and where it is in the first iteration but for `from`. */
  private place() {
    const { random, counting, pointerStep } = this;
    const code = random.pick(random.oneIn(5) ? STORES : random.oneIn(6) ? LANES : LOADS);
    const base = random.pick([0, 0, 0, 8, -8, 40]);
    const more = base === 0 ? [] : [number(base), ADD];
    const way = random.below(4);
    if (way === 0 || counting.shape === 'teed' || counting.shape === 'every other turn') {
      const at = base + (this.stepsFirst ? pointerStep : 0);
      return { code, text: [get(Local.pointer), ...more], at, stride: pointerStep };
    }
    const shift = random.below(4);
    const scaled = random.oneIn(2)
      ? [get(Local.i), number(shift), SHL]
      : [get(Local.i), number(1 << shift), MUL];
    const minus = way === 3;
    const sign = minus ? -1 : 1;
    const text = [get(Local.from), ...scaled, minus ? SUB : ADD, ...more];
    const first = counting.start + (this.countsFirst ? counting.step : 0);
    const at = base + sign * (first << shift);
    return { code, text, at, stride: sign * (counting.step << shift) };
  }

  /** In some iterations, or with a pointer that one of two ways has moved. */
  private sometimes(access: readonly Instruction[]): Instruction[] {
    const { random } = this;
    const asked = [get(Local.i), number(random.pick([1, 2, 4])), AND];
    const move = (by: number) => [get(Local.pointer), number(by), ADD, set(Local.pointer)];
    switch (random.pick([0, 1, 2, 2, 3])) {
      case 0:
        return [...asked, instruction(Op.If, BLOCK_EMPTY), ...access, END];
      case 1:
        return [instruction(Op.Block, BLOCK_EMPTY), ...asked, instruction(Op.BrIf, 0)].concat(
          access,
          END,
        );
      case 2: {
        const load = [instruction(Op.I32Load, 0, random.pick([64, 72, 80])), instruction(Op.Drop)];
        const lead = [get(Local.pointer), number(-64), ADD, ...load];
        const back = [get(Local.place), number(-64), ADD, set(Local.place)];
        const moved = access.map((each) =>
          each.op === Op.LocalGet && each.a === Local.pointer ? get(Local.place) : each,
        );
        const arms = [...back, instruction(Op.Else), ...moved, END];
        return [...lead, get(Local.pointer), set(Local.place), ...asked].concat(
          ...[instruction(Op.If, BLOCK_EMPTY), arms],
        );
      }
      default: {
        const other = [instruction(Op.Else), ...move(8), END];
        return [...asked, instruction(Op.If, BLOCK_EMPTY), ...move(64), ...other, ...access];
      }
    }
  }

  /** What a loop must not have that is asked before it begins. */
  private rare(): Instruction[] {
    const { start, step } = this.counting;
    const second = [get(Local.i), number(start + step), EQUAL];
    const divide = [number(7), get(Local.i), number(2), SUB, instruction(codeOf('i32_div_u'))];
    const grow = [...second, instruction(Op.MemoryGrow), instruction(Op.Drop)];
    const leave = [...second, instruction(Op.If, BLOCK_EMPTY), number(9), instruction(Op.Return)];
    return this.random.pick([
      [...divide, instruction(Op.Drop)],
      [number(1), instruction(Op.MemoryGrow), instruction(Op.Drop)],
      grow,
      [...leave, END],
    ]);
  }

  args(): bigint[][] {
    const { random } = this;
    return Array.from({ length: CALLS }, () => {
      const count = random.pick([0, 1, 2, 3, 7, 15, random.bits()]);
      const { at, stride, bytes } = random.pick(this.reaches);
      const far = stride * (this.tripsOf(count) - 1);
      const top = PAGE_BYTES - bytes - at - Math.max(far, 0);
      const bottom = -at - Math.min(far, 0);
      const moved = random.below(64 * this.tripsOf(count) + 1);
      const near = random.pick([0, 0, 1, -1, bytes, -bytes, Math.abs(stride), -moved, moved]);
      const from = random.pick([top, top, top, bottom]) + near;
      return [from, count].map((each) => BigInt.asUintN(32, BigInt(each)));
    });
  }
}
