import {
  type AbstractValue,
  addAddresses,
  type Address,
  asLocal,
  constantAddress,
  isConstant,
  localAddress,
  OPAQUE,
  union,
  UNKNOWN,
} from './abstract-value';
import { type Instruction, ValueType, type ValueTypeCode } from './model';
import { type MemoryOp, memoryOps, numericOps, Op } from './opcodes';
import { VectorOp } from './vector-opcodes';

export interface LoopStore {
  readonly op: MemoryOp;
  readonly address: AbstractValue;
  readonly offset: number;
  readonly value: AbstractValue;
}

const FLOAT_BINARY = /^f(32|64)_(add|sub|mul|div|min|max)$/;
const FLOAT_UNARY = /^(f(32|64)_(sqrt|convert_\w+)|f64_promote_f32|f32_demote_f64)$/;
const COMPARE = /_(lt|gt|le|ge)(_[su])?$/;

/** Stands among loads for what a local holds when the iteration begins. */
export function initialValue(local: number): number {
  return -1 - local;
}

/** Reads the straight body of a loop with abstract values instead of numbers. */
export class LoopReader {
  /** By place. */
  readonly loads = new Map<number, MemoryOp>();
  readonly stores: LoopStore[] = [];
  readonly locals = new Map<number, AbstractValue>();
  /** Locals used as data, of which the C compiler must know nothing. */
  readonly opaque = new Set<number>();
  /** Locals that addresses are made of. */
  readonly addressLocals = new Set<number>();
  integerSums = 0;
  private readonly stack: AbstractValue[] = [];

  constructor(
    private readonly localTypes: readonly ValueTypeCode[],
    private readonly written: ReadonlySet<number>,
  ) {}

  /** False: an instruction that no loop with kept loads may have. */
  step(instruction: Instruction, place: number): boolean {
    const { op, a } = instruction;
    if (op >= VectorOp.First) return false;
    const memory = memoryOps.get(op);
    if (memory !== undefined) return this.access(memory, instruction, place);
    const numeric = numericOps.get(op);
    if (numeric !== undefined) {
      if (numeric.traps) return false;
      const right = numeric.params.length === 2 ? this.pop() : undefined;
      this.stack.push(this.numeric(numeric.name, this.pop(), right));
      return true;
    }
    switch (op) {
      case Op.Nop:
        return true;
      case Op.Drop:
        this.pop();
        return true;
      case Op.LocalGet:
        if (this.localTypes[a] === ValueType.V128) return false;
        this.stack.push(this.local(a));
        return true;
      case Op.LocalSet:
        this.locals.set(a, this.pop());
        return true;
      case Op.LocalTee:
        this.locals.set(a, this.top());
        return true;
      case Op.I32Const:
        this.stack.push(constantAddress(a));
        return true;
      case Op.F32Const:
      case Op.F64Const:
        this.stack.push(floatConstant(instruction));
        return true;
      case Op.Select:
        return this.select();
      default:
        return false;
    }
  }

  private pop(): AbstractValue {
    return this.stack.pop() ?? UNKNOWN;
  }

  private top(): AbstractValue {
    return this.stack[this.stack.length - 1] ?? UNKNOWN;
  }

  private local(index: number): AbstractValue {
    const known = this.locals.get(index);
    if (known !== undefined) return known;
    if (this.localTypes[index] === ValueType.I32) return localAddress(index);
    this.opaque.add(index);
    return { kind: 'data', loads: new Set([initialValue(index)]) };
  }

  private access(op: MemoryOp, instruction: Instruction, place: number): boolean {
    const value = op.store ? this.pop() : UNKNOWN;
    const address = this.pop();
    if (address.kind !== 'address') return false;
    for (const local of address.terms.keys()) this.addressLocals.add(local);
    if (op.store) {
      this.stores.push({ op, address, offset: instruction.b, value });
      return true;
    }
    this.loads.set(place, op);
    const copyOf = addAddresses(address, constantAddress(instruction.b), 1);
    this.stack.push({ kind: 'data', loads: new Set([place]), copyOf });
    return true;
  }

  private numeric(name: string, left: AbstractValue, right?: AbstractValue): AbstractValue {
    if (right === undefined) {
      return FLOAT_UNARY.test(name) && left.kind === 'data' ? union(left, OPAQUE) : UNKNOWN;
    }
    if (FLOAT_BINARY.test(name)) return floatBinary(left, right);
    if (COMPARE.test(name)) return { kind: 'compare', left, right };
    if (left.kind === 'address' && right.kind === 'address') return address(name, left, right);
    const both = left.kind === 'data' && right.kind === 'data';
    if (name === 'i32_add') {
      if (left.kind === 'address') return this.addToData(right, left);
      if (right.kind === 'address') return this.addToData(left, right);
    }
    if (name === 'i32_mul' && !both) {
      return left.kind === 'address' ? this.timesData(right, left) : this.timesData(left, right);
    }
    if (both && /^i(32|64)_(add|mul)$/.test(name)) {
      this.integerSums++;
      return left.sumIn === undefined && right.sumIn === undefined ? union(left, right) : UNKNOWN;
    }
    return UNKNOWN;
  }

  /** Data plus a constant, plus a local that does not change, or into a local as a sum. */
  private addToData(data: AbstractValue, other: Address): AbstractValue {
    if (data.kind !== 'data') return UNKNOWN;
    this.integerSums++;
    if (isConstant(other)) return other.base === 0 ? UNKNOWN : union(data, OPAQUE);
    const local = asLocal(other);
    if (local === undefined || data.sumIn !== undefined) return UNKNOWN;
    if (this.written.has(local)) return { kind: 'data', loads: data.loads, sumIn: local };
    this.opaque.add(local);
    return union(data, OPAQUE);
  }

  private timesData(data: AbstractValue, other: AbstractValue): AbstractValue {
    const local = asLocal(other);
    if (data.kind !== 'data' || data.sumIn !== undefined || local === undefined) return UNKNOWN;
    if (this.written.has(local)) return UNKNOWN;
    this.integerSums++;
    this.opaque.add(local);
    return union(data, OPAQUE);
  }

  /** The smaller or larger of two values depends on both. */
  private select(): boolean {
    const condition = this.pop();
    const second = this.pop();
    const first = this.pop();
    if (condition.kind !== 'compare' || first.kind !== 'data' || second.kind !== 'data') {
      return false;
    }
    const { left, right } = condition;
    const same = (left === first && right === second) || (left === second && right === first);
    if (!same) return false;
    this.stack.push(union(first, second));
    return true;
  }
}

function address(name: string, left: Address, right: Address): AbstractValue {
  if (name === 'i32_add') return addAddresses(left, right, 1);
  if (name === 'i32_sub') return addAddresses(left, right, -1);
  if (name === 'i32_shl' && isConstant(right)) {
    return addAddresses(constantAddress(0), left, 1 << (right.base & 31));
  }
  if (name !== 'i32_mul') return UNKNOWN;
  if (isConstant(right)) return addAddresses(constantAddress(0), left, right.base);
  return isConstant(left) ? addAddresses(constantAddress(0), right, left.base) : UNKNOWN;
}

/** Strict in both: neither operand is a constant that could make the result one. */
function floatBinary(left: AbstractValue, right: AbstractValue): AbstractValue {
  const a = left.kind === 'number' && !left.neutral ? OPAQUE : left;
  const b = right.kind === 'number' && !right.neutral ? OPAQUE : right;
  if (a.kind !== 'data' || b.kind !== 'data') return UNKNOWN;
  return left.kind === 'number' && right.kind === 'number' ? UNKNOWN : union(a, b);
}

function floatConstant({ op, a, b }: Instruction): AbstractValue {
  const view = new DataView(new ArrayBuffer(8));
  view.setInt32(0, a, true);
  view.setInt32(4, b, true);
  const value = op === Op.F32Const ? view.getFloat32(0, true) : view.getFloat64(0, true);
  if (!Number.isFinite(value)) return UNKNOWN;
  return { kind: 'number', neutral: value === 0 || Math.abs(value) === 1 };
}
