import {
  type AbstractValue,
  type Address,
  addressOf,
  constantAddress,
  isConstant,
  localAddress,
  UNKNOWN,
} from './abstract-value';
import { type Instruction, ValueType, type ValueTypeCode } from './model';
import { memoryOps, type NumericOp, numericOps, Op } from './opcodes';
import { laneMemoryOps, laneOps, VectorOp } from './vector-opcodes';

export interface LoopAccess {
  readonly place: number;
  /** As it is when the iteration begins, before the access's own offset. */
  readonly address: Address;
  /** Behind the address: where the access ends. */
  readonly end: number;
  readonly store: boolean;
  /** Every iteration comes by. */
  readonly always: boolean;
}

/** A block or if that is open, or the loop itself. */
interface Frame {
  /** Heights of the operand stack: what belongs to the code outside, and what is left behind. */
  readonly floor: number;
  readonly results: number;
  /** Locals that perhaps have another value where the frame ends. */
  readonly unsure: Set<number>;
  /** What the locals are when an if begins, for its else. */
  readonly before: ReadonlyMap<number, AbstractValue>;
  /** More than one way leads from the frame's beginning to its end. */
  split: boolean;
  /** Perhaps not every iteration comes by from here to the frame's end. */
  sometimes: boolean;
}

const EMPTY_TYPE = 0x40 - 128;
const NO_LOCALS: ReadonlyMap<number, AbstractValue> = new Map();

/**
 * Reads the body of an innermost loop and finds the addresses of its accesses, as sums of the
 * locals that an iteration begins with. Where ways join, a local that one of them wrote is unknown.
 */
export class HullReader {
  readonly accesses: LoopAccess[] = [];
  private locals = new Map<number, AbstractValue>();
  private readonly stack: AbstractValue[] = [];
  private readonly frames: Frame[] = [
    { floor: 0, results: 0, unsure: new Set(), before: NO_LOCALS, split: false, sometimes: false },
  ];

  constructor(private readonly localTypes: readonly ValueTypeCode[]) {}

  /** By how much an iteration moves an address; undefined: not by the same in each. */
  stride(address: Address): number | undefined {
    let stride = 0;
    for (const [local, times] of address.terms) {
      const next = this.locals.get(local);
      if (next === undefined) continue;
      if (next.kind !== 'address' || next.terms.size !== 1 || next.terms.get(local) !== 1) {
        return undefined;
      }
      stride = (stride + Math.imul(times, next.base)) | 0;
    }
    return stride;
  }

  /** False: the loop may be left here, or trap otherwise than by an access, or be seen. */
  step(instruction: Instruction, place: number): boolean {
    const { op, b } = instruction;
    const numeric = numericOps.get(op);
    if (numeric !== undefined) return this.numeric(numeric);
    const memory = memoryOps.get(op);
    if (memory !== undefined) {
      if (memory.store) this.pop();
      this.access(place, this.pop(), b, memory.bytesLog2, memory.store);
      if (!memory.store) this.stack.push(UNKNOWN);
      return true;
    }
    if (op >= VectorOp.First) return this.vector(instruction, place);
    return this.control(instruction) || this.plain(instruction);
  }

  private get frame(): Frame {
    return this.frames[this.frames.length - 1] as Frame;
  }

  private pop(): AbstractValue {
    if (this.stack.length <= this.frame.floor) return UNKNOWN;
    return this.stack.pop() ?? UNKNOWN;
  }

  private replace(popped: number, value: AbstractValue = UNKNOWN): true {
    for (let i = 0; i < popped; i++) this.pop();
    this.stack.push(value);
    return true;
  }

  private access(
    place: number,
    address: AbstractValue,
    offset: number,
    bytesLog2: number,
    store: boolean,
  ): void {
    if (address.kind !== 'address') return;
    const end = (offset >>> 0) + (1 << bytesLog2);
    this.accesses.push({ place, address, end, store, always: !this.frame.sometimes });
  }

  private numeric({ name, params, traps }: NumericOp): boolean {
    const right = params.length === 2 ? this.pop() : UNKNOWN;
    if (traps && !dividesByKnown(name, right)) return false;
    if (params.length !== 2) return this.replace(params.length);
    const left = this.pop();
    const both = left.kind === 'address' && right.kind === 'address';
    this.stack.push(both ? addressOf(name, left, right) : UNKNOWN);
    return true;
  }

  private vector({ op, b, list }: Instruction, place: number): boolean {
    if (op === VectorOp.Const) return this.replace(0);
    if (op === VectorOp.Shuffle) return this.replace(2);
    const lane = laneOps.get(op);
    if (lane !== undefined) return this.replace(lane.replace ? 2 : 1);
    const memory = laneMemoryOps.get(op);
    if (memory === undefined || list === undefined) return false;
    this.pop();
    this.access(place, this.pop(), b, memory.bytesLog2, memory.store);
    if (!memory.store) this.stack.push(UNKNOWN);
    return true;
  }

  private plain({ op, a }: Instruction): boolean {
    switch (op) {
      case Op.Nop:
        return true;
      case Op.Drop:
        this.pop();
        return true;
      case Op.Select:
      case Op.SelectTyped:
        return this.replace(3);
      case Op.LocalGet:
        return this.replace(0, this.local(a));
      case Op.LocalSet:
        return this.write(a, this.pop());
      case Op.LocalTee: {
        const value = this.pop();
        this.stack.push(value);
        return this.write(a, value);
      }
      case Op.I32Const:
        return this.replace(0, constantAddress(a));
      case Op.I64Const:
      case Op.F32Const:
      case Op.F64Const:
      case Op.GlobalGet:
      case Op.MemorySize:
        return this.replace(0);
      default:
        return false;
    }
  }

  private local(index: number): AbstractValue {
    const known = this.locals.get(index);
    if (known !== undefined) return known;
    return this.localTypes[index] === ValueType.I32 ? localAddress(index) : UNKNOWN;
  }

  private write(local: number, value: AbstractValue): true {
    this.locals.set(local, value);
    for (const frame of this.frames) {
      if (frame.split) frame.unsure.add(local);
    }
    return true;
  }

  private control({ op, a, list }: Instruction): boolean {
    switch (op) {
      case Op.Block:
      case Op.If:
        if (op === Op.If) this.pop();
        return this.open(a, op === Op.If);
      case Op.Else:
        this.locals = new Map(this.frame.before);
        this.stack.length = this.frame.floor;
        return true;
      case Op.End:
        return this.close();
      case Op.BrIf:
        this.pop();
        return this.branch([a]);
      case Op.Br:
        return this.branch([a]);
      case Op.BrTable:
        this.pop();
        return this.branch([a, ...(list ?? [])]);
      default:
        return false;
    }
  }

  private open(type: number, isIf: boolean): boolean {
    if (type >= 0) return false;
    const results = type === EMPTY_TYPE ? 0 : 1;
    const before = isIf ? new Map(this.locals) : NO_LOCALS;
    this.frames.push({
      floor: this.stack.length,
      results,
      unsure: new Set(),
      before,
      split: isIf,
      sometimes: isIf || this.frame.sometimes,
    });
    return true;
  }

  private close(): boolean {
    const frame = this.frames.pop();
    if (frame === undefined || this.frames.length === 0) return false;
    for (const local of frame.unsure) this.locals.set(local, UNKNOWN);
    this.stack.length = frame.floor;
    for (let i = 0; i < frame.results; i++) this.stack.push(UNKNOWN);
    return true;
  }

  /** Only to the end of a block of the loop. */
  private branch(depths: readonly number[]): boolean {
    for (const depth of depths) {
      if (depth >= this.frames.length - 1) return false;
      for (const frame of this.frames.slice(this.frames.length - 1 - depth)) {
        frame.split = true;
        frame.sometimes = true;
      }
    }
    return true;
  }
}

/** By a constant that is not 0, and not -1, whose signed quotient may overflow. */
function dividesByKnown(name: string, divisor: AbstractValue): boolean {
  if (!/^i32_(div|rem)_/.test(name) || !isConstant(divisor)) return false;
  return divisor.base !== 0 && divisor.base !== -1;
}
