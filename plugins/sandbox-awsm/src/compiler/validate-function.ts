import { BLOCK_EMPTY } from './decode-instruction';
import {
  type FunctionBody,
  type FunctionType,
  type Instruction,
  isReference,
  sameTypes,
  ValueType,
  type ValueTypeCode,
  type WasmModule,
} from './model';
import { Op, memoryOps, numericOps } from './opcodes';
import { invalid } from './problem';
import { type DeclaredReferences, functionType } from './validate-module';
import { checkVector } from './validate-vector';
import { VectorOp } from './vector-opcodes';

/** A block that is open. */
export interface ControlFrame {
  readonly op: number;
  readonly type: FunctionType;
  /** Operands below this belong to the blocks outside. */
  readonly height: number;
  unreachable: boolean;
}

const ANY: ValueTypeCode = 0;
const { I32, I64, F32, F64, FuncRef } = ValueType;

/**
 * The specification's type checker for one body, one instruction at a time, so that lowering can
 * run beside it and read the operand types.
 */
export class FunctionValidator {
  readonly stack: ValueTypeCode[] = [];
  readonly controls: ControlFrame[] = [];
  readonly locals: ValueTypeCode[] = [];
  private at = 0;

  constructor(
    readonly module: WasmModule,
    private readonly declared: DeclaredReferences,
    readonly type: FunctionType,
    body: FunctionBody,
  ) {
    this.locals.push(...type.params);
    for (const group of body.locals) {
      for (let i = 0; i < group.count; i++) this.locals.push(group.type);
    }
    const frameType = { params: [], results: type.results };
    this.controls.push({ op: Op.Block, type: frameType, height: 0, unreachable: false });
  }

  get top(): ControlFrame {
    return this.controls[this.controls.length - 1] as ControlFrame;
  }

  /** What a branch to `frame` carries. */
  labelTypes(frame: ControlFrame): readonly ValueTypeCode[] {
    return frame.op === Op.Loop ? frame.type.params : frame.type.results;
  }

  /** The frame that a branch names; throws when there is none. */
  frame(depth: number): ControlFrame {
    const frame = this.controls[this.controls.length - 1 - depth];
    if (frame === undefined) throw this.fail('unknown label');
    return frame;
  }

  blockType(encoded: number): FunctionType {
    if (encoded >= 0) {
      const type = this.module.types[encoded];
      if (type === undefined) throw this.fail('unknown type');
      return type;
    }
    return encoded === BLOCK_EMPTY
      ? { params: [], results: [] }
      : { params: [], results: [encoded + 128] };
  }

  step(instruction: Instruction): void {
    this.at = instruction.offset;
    const numeric = numericOps.get(instruction.op);
    if (numeric !== undefined) {
      this.popAll(numeric.params);
      this.stack.push(numeric.result);
      return;
    }
    if (memoryOps.has(instruction.op)) this.memoryAccess(instruction);
    else if (instruction.op <= Op.CallIndirect) this.control(instruction);
    else if (instruction.op < Op.MemoryInit) this.plain(instruction);
    else if (instruction.op < VectorOp.First) this.bulk(instruction);
    else checkVector(this, instruction);
  }

  fail(reason: string): Error {
    return invalid(reason, this.at);
  }

  private pop(wanted: ValueTypeCode = ANY): ValueTypeCode {
    const frame = this.top;
    if (this.stack.length === frame.height) {
      if (frame.unreachable) return ANY;
      throw this.fail('type mismatch');
    }
    const actual = this.stack.pop() as ValueTypeCode;
    if (actual !== wanted && actual !== ANY && wanted !== ANY) throw this.fail('type mismatch');
    return actual;
  }

  popAll(types: readonly ValueTypeCode[]): void {
    for (let i = types.length - 1; i >= 0; i--) this.pop(types[i]);
  }

  private pushAll(types: readonly ValueTypeCode[]): void {
    for (const type of types) this.stack.push(type);
  }

  private memoryAccess(instruction: Instruction): void {
    const op = memoryOps.get(instruction.op);
    if (op === undefined) return;
    this.requireAccess(instruction, op.bytesLog2);
    if (op.store) this.popAll([I32, op.type]);
    else {
      this.pop(I32);
      this.stack.push(op.type);
    }
  }

  /** Requires a memory, and that the instruction asks for no more than natural alignment. */
  requireAccess(instruction: Instruction, bytesLog2: number): void {
    this.requireMemory();
    if (instruction.a > bytesLog2) throw this.fail('alignment must not be larger than natural');
  }

  private requireMemory(): void {
    if (this.module.memories.length === 0) throw this.fail('unknown memory');
  }

  private control(instruction: Instruction): void {
    switch (instruction.op) {
      case Op.Unreachable:
        return this.setUnreachable();
      case Op.Block:
      case Op.Loop:
        return this.open(instruction.op, this.blockType(instruction.a));
      case Op.If: {
        const type = this.blockType(instruction.a);
        this.pop(I32);
        return this.open(Op.If, type);
      }
      case Op.Else:
      case Op.End:
        return this.close(instruction.op);
      case Op.Br:
        this.popAll(this.labelTypes(this.frame(instruction.a)));
        return this.setUnreachable();
      case Op.BrIf: {
        const types = this.labelTypes(this.frame(instruction.a));
        this.pop(I32);
        this.popAll(types);
        return this.pushAll(types);
      }
      case Op.BrTable:
        return this.branchTable(instruction);
      case Op.Return:
        this.popAll(this.type.results);
        return this.setUnreachable();
      case Op.Call:
        if (instruction.a >= this.module.functions.length) throw this.fail('unknown function');
        return this.call(functionType(this.module, instruction.a));
      case Op.CallIndirect:
        return this.callIndirect(instruction);
    }
  }

  private open(op: number, type: FunctionType): void {
    this.popAll(type.params);
    this.controls.push({ op, type, height: this.stack.length, unreachable: false });
    this.pushAll(type.params);
  }

  private close(op: number): void {
    const frame = this.top;
    this.popAll(frame.type.results);
    if (this.stack.length !== frame.height) throw this.fail('type mismatch');
    this.controls.pop();
    if (op === Op.Else) {
      this.open(Op.Else, { params: [], results: frame.type.results });
      this.pushAll(frame.type.params);
      return;
    }
    if (frame.op === Op.If && !sameTypes(frame.type.params, frame.type.results)) {
      throw this.fail('type mismatch');
    }
    this.pushAll(frame.type.results);
  }

  private setUnreachable(): void {
    this.stack.length = this.top.height;
    this.top.unreachable = true;
  }

  private branchTable(instruction: Instruction): void {
    this.pop(I32);
    const last = this.labelTypes(this.frame(instruction.a));
    for (const depth of instruction.list ?? []) {
      const types = this.labelTypes(this.frame(depth));
      if (types.length !== last.length) throw this.fail('type mismatch');
      const popped: ValueTypeCode[] = [];
      for (let i = types.length - 1; i >= 0; i--) popped.push(this.pop(types[i]));
      this.pushAll(popped.reverse());
    }
    this.popAll(last);
    this.setUnreachable();
  }

  private call(type: FunctionType): void {
    this.popAll(type.params);
    this.pushAll(type.results);
  }

  private callIndirect(instruction: Instruction): void {
    const table = this.table(instruction.b);
    if (table !== FuncRef) throw this.fail('type mismatch');
    const type = this.module.types[instruction.a];
    if (type === undefined) throw this.fail('unknown type');
    this.pop(I32);
    this.call(type);
  }

  private table(index: number): ValueTypeCode {
    const table = this.module.tables[index];
    if (table === undefined) throw this.fail('unknown table');
    return table.element;
  }

  private plain(instruction: Instruction): void {
    switch (instruction.op) {
      case Op.Drop:
        this.pop();
        return;
      case Op.Select:
      case Op.SelectTyped:
        return this.select(instruction);
      case Op.LocalGet:
        this.stack.push(this.local(instruction.a));
        return;
      case Op.LocalSet:
        this.pop(this.local(instruction.a));
        return;
      case Op.LocalTee:
        this.pop(this.local(instruction.a));
        this.stack.push(this.local(instruction.a));
        return;
      case Op.GlobalGet:
      case Op.GlobalSet:
        return this.global(instruction);
      case Op.TableGet:
        this.pop(I32);
        this.stack.push(this.table(instruction.a));
        return;
      case Op.TableSet:
        this.popAll([I32, this.table(instruction.a)]);
        return;
      case Op.MemorySize:
        this.requireMemory();
        this.stack.push(I32);
        return;
      case Op.MemoryGrow:
        this.requireMemory();
        this.pop(I32);
        this.stack.push(I32);
        return;
      default:
        this.constant(instruction);
    }
  }

  private constant(instruction: Instruction): void {
    switch (instruction.op) {
      case Op.I32Const:
        this.stack.push(I32);
        return;
      case Op.I64Const:
        this.stack.push(I64);
        return;
      case Op.F32Const:
        this.stack.push(F32);
        return;
      case Op.F64Const:
        this.stack.push(F64);
        return;
      case Op.RefNull:
        this.stack.push(instruction.a);
        return;
      case Op.RefIsNull: {
        const type = this.pop();
        if (type !== ANY && !isReference(type)) throw this.fail('type mismatch');
        this.stack.push(I32);
        return;
      }
      case Op.RefFunc:
        if (instruction.a >= this.module.functions.length) throw this.fail('unknown function');
        if (!this.declared.has(instruction.a)) throw this.fail('undeclared function reference');
        this.stack.push(FuncRef);
        return;
    }
  }

  private select(instruction: Instruction): void {
    if (instruction.op === Op.SelectTyped) {
      const types = instruction.list ?? [];
      if (types.length !== 1) throw this.fail('invalid result arity');
      const type = types[0] as ValueTypeCode;
      this.popAll([type, type, I32]);
      this.stack.push(type);
      return;
    }
    this.pop(I32);
    const second = this.pop();
    const first = this.pop();
    if (isReference(first) || isReference(second)) throw this.fail('type mismatch');
    if (first !== second && first !== ANY && second !== ANY) throw this.fail('type mismatch');
    this.stack.push(first === ANY ? second : first);
  }

  private local(index: number): ValueTypeCode {
    const type = this.locals[index];
    if (type === undefined) throw this.fail('unknown local');
    return type;
  }

  private global(instruction: Instruction): void {
    const global = this.module.globals[instruction.a];
    if (global === undefined) throw this.fail('unknown global');
    if (instruction.op === Op.GlobalGet) {
      this.stack.push(global.type.type);
      return;
    }
    if (!global.type.mutable) throw this.fail('global is immutable');
    this.pop(global.type.type);
  }

  private bulk(instruction: Instruction): void {
    const { a, b } = instruction;
    switch (instruction.op) {
      case Op.MemoryInit:
      case Op.MemoryCopy:
      case Op.MemoryFill:
        this.requireMemory();
        if (instruction.op === Op.MemoryInit) this.dataSegment(a);
        return this.popAll([I32, I32, I32]);
      case Op.DataDrop:
        return this.dataSegment(a);
      case Op.TableInit:
        if (this.table(b) !== this.elementSegment(a)) throw this.fail('type mismatch');
        return this.popAll([I32, I32, I32]);
      case Op.ElemDrop:
        this.elementSegment(a);
        return;
      case Op.TableCopy:
        if (this.table(a) !== this.table(b)) throw this.fail('type mismatch');
        return this.popAll([I32, I32, I32]);
      case Op.TableGrow:
        this.popAll([this.table(a), I32]);
        this.stack.push(I32);
        return;
      case Op.TableSize:
        this.table(a);
        this.stack.push(I32);
        return;
      case Op.TableFill:
        return this.popAll([I32, this.table(a), I32]);
    }
  }

  private dataSegment(index: number): void {
    if (index >= this.module.data.length) throw this.fail('unknown data segment');
  }

  private elementSegment(index: number): ValueTypeCode {
    const segment = this.module.elements[index];
    if (segment === undefined) throw this.fail('unknown elem segment');
    return segment.type;
  }
}
