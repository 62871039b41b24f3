import { cType, constant, letter, resultStruct, resultType, zero } from './c-types';
import { decodeBody } from './decode-code';
import { emitAccess, emitMemoryAccess } from './emit-access';
import { emitCall, emitCallIndirect } from './emit-call';
import { PollEmitter } from './emit-polls';
import { emitVector } from './emit-vector';
import type { Layout } from './layout';
import { findLoops } from './loops';
import type { FunctionType, Instruction, ValueTypeCode } from './model';
import { Op, memoryOps, numericOps } from './opcodes';
import { HullEmitter } from './emit-hulls';
import { FunctionValidator } from './validate-function';
import { functionType } from './validate-module';
import { VectorOp } from './vector-opcodes';

/** By C type; what is not named is a double. */
const SLOT_PREFIXES: Record<string, string> = {
  u32: 'i',
  u64: 'j',
  float: 'f',
  v128: 'v',
  ref: 'r',
};

/** Beside each frame of the validator: the label in C, and whether code inside can run. */
interface Label {
  readonly id: number;
  readonly dead: boolean;
  /** Branches name it at the end, or at the head of a loop. */
  used: boolean;
}

/**
 * Writes one function as C: a variable per type and depth of the operand stack, labels and gotos
 * for the control structure, so that no nesting of the module becomes nesting in C.
 */
export class FunctionEmitter {
  readonly type: FunctionType;
  readonly validator: FunctionValidator;
  private readonly lines: string[] = [];
  private readonly slots = new Map<string, Set<number>>();
  private readonly labels: Label[] = [{ id: 0, dead: false, used: false }];
  private labelCount = 0;
  private polls: PollEmitter | undefined;
  private hulls: HullEmitter | undefined;

  constructor(
    readonly layout: Layout,
    readonly index: number,
  ) {
    const { module, checked } = layout;
    this.type = functionType(module, index);
    const body = this.body;
    this.validator = new FunctionValidator(module, checked.declared, this.type, body);
  }

  private get body() {
    const { module } = this.layout;
    const body = module.bodies[this.index - module.importedFunctions];
    if (body === undefined) throw new Error(`function ${String(this.index)} has no body`);
    return body;
  }

  /** The whole definition. */
  emit(): string {
    const body = decodeBody(this.layout.module, this.body);
    const { polls } = this.layout;
    const loops = findLoops(body);
    this.hulls = new HullEmitter(this, body, loops, this.validator.locals);
    if (polls !== undefined) this.polls = new PollEmitter(this, body, loops, polls);
    this.polls?.entry();
    body.forEach((instruction, place) => {
      this.instruction(instruction, place);
    });
    const head = `FN ${signature(this.layout, this.index)} {`;
    return [head, ...this.declarations(), ...this.lines, '}', ''].join('\n');
  }

  line(text: string): void {
    this.lines.push(text);
  }

  get lineCount(): number {
    return this.lines.length;
  }

  linesFrom(first: number): readonly string[] {
    return this.lines.slice(first);
  }

  /** Height of the operand stack. */
  get height(): number {
    return this.validator.stack.length;
  }

  /** The variable `fromTop` places below the top of the stack, 0 being the top. */
  operand(fromTop: number): string {
    const place = this.height - 1 - fromTop;
    return this.slot(this.validator.stack[place] as ValueTypeCode, place);
  }

  slot(type: ValueTypeCode, place: number): string {
    const name = cType(type);
    let places = this.slots.get(name);
    if (places === undefined) this.slots.set(name, (places = new Set()));
    places.add(place);
    return `${letter(type)}${String(place)}`;
  }

  private declarations(): string[] {
    const out: string[] = [];
    const { locals } = this.validator;
    for (let i = this.type.params.length; i < locals.length; i++) {
      const type = locals[i] as ValueTypeCode;
      out.push(`${cType(type)} l${String(i)} = ${zero(type)};`);
    }
    out.push(...(this.polls?.declarations() ?? []));
    for (const [type, places] of this.slots) {
      const prefix = SLOT_PREFIXES[type] ?? 'd';
      const names = [...places].map((place) => `${prefix}${String(place)}`);
      for (let i = 0; i < names.length; i += 16) {
        out.push(`${type} ${names.slice(i, i + 16).join(', ')};`);
      }
    }
    return out;
  }

  private get label(): Label {
    return this.labels[this.labels.length - 1] as Label;
  }

  private get dead(): boolean {
    return this.label.dead || this.validator.top.unreachable;
  }

  private instruction(instruction: Instruction, place: number): void {
    if (!this.dead) this.polls?.before(place);
    switch (instruction.op) {
      case Op.Block:
      case Op.Loop:
      case Op.If:
        return this.open(instruction, place);
      case Op.Else:
      case Op.End:
        return this.close(instruction);
    }
    if (!this.dead && this.polls?.latch(place) !== true) this.live(instruction, place);
    this.validator.step(instruction);
  }

  private open(instruction: Instruction, place: number): void {
    const label: Label = { id: ++this.labelCount, dead: this.dead, used: false };
    if (!label.dead) {
      if (instruction.op === Op.If)
        this.line(`if (!${this.operand(0)}) goto E${String(label.id)};`);
      if (instruction.op === Op.Loop) this.loopHead(String(label.id), place);
    }
    this.validator.step(instruction);
    this.labels.push(label);
  }

  private loopHead(id: string, place: number): void {
    this.hulls?.beforeHead(place);
    this.polls?.beforeHead(id, place);
    this.line(`L${id}:;`);
    this.polls?.head(place);
  }

  private close(instruction: Instruction): void {
    const frame = this.validator.top;
    const label = this.label;
    const reachesEnd = !this.dead;
    const outermost = this.labels.length === 1;
    if (outermost) {
      if (reachesEnd) this.line(this.returnText());
      this.validator.step(instruction);
      return;
    }
    const id = String(label.id);
    if (instruction.op === Op.Else) {
      if (!label.dead) {
        if (reachesEnd) {
          this.line(`goto L${id};`);
          label.used = true;
        }
        this.line(`E${id}:;`);
      }
      this.validator.step(instruction);
      return;
    }
    this.validator.step(instruction);
    this.labels.pop();
    if (label.dead) return;
    if (frame.op === Op.If) this.line(`E${id}:;`);
    if (frame.op !== Op.Loop && label.used) this.line(`L${id}:;`);
  }

  private live(instruction: Instruction, place: number): void {
    const numeric = numericOps.get(instruction.op);
    if (numeric !== undefined) {
      const count = numeric.params.length;
      const args = numeric.params.map((_, i) => this.operand(count - 1 - i));
      if (numeric.traps) args.unshift('I');
      const to = this.slot(numeric.result, this.height - count);
      this.line(`${to} = ${numeric.name}(${args.join(', ')});`);
      return;
    }
    if (memoryOps.has(instruction.op)) {
      return emitMemoryAccess(this, instruction, this.hulls?.covers(place) === true);
    }
    if (instruction.op <= Op.CallIndirect) this.control(instruction);
    else if (instruction.op < Op.MemoryInit) this.plain(instruction);
    else if (instruction.op < VectorOp.First) emitAccess(this, instruction);
    else emitVector(this, instruction, this.hulls?.covers(place) === true);
  }

  private control(instruction: Instruction): void {
    switch (instruction.op) {
      case Op.Unreachable:
        return this.line('trap(I, SLEDGE_TRAP_UNREACHABLE);');
      case Op.Br:
        return this.line(this.branch(instruction.a, 0));
      case Op.BrIf:
        return this.line(`if (${this.operand(0)}) { ${this.branch(instruction.a, 1)} }`);
      case Op.BrTable:
        return this.branchTable(instruction);
      case Op.Return:
        return this.line(this.returnText());
      case Op.Call:
        return emitCall(this, instruction.a);
      case Op.CallIndirect:
        return emitCallIndirect(this, instruction.a, instruction.b);
    }
  }

  /** Moves what the branch carries to its target's place and goes there. */
  private branch(depth: number, popped: number): string {
    const target = this.labels.length - 1 - depth;
    if (target === 0) return this.returnText(popped);
    const label = this.labels[target] as Label;
    const frame = this.validator.frame(depth);
    const types = this.validator.labelTypes(frame);
    const from = this.height - popped - types.length;
    let text = '';
    if (from !== frame.height) {
      types.forEach((type, i) => {
        text += `${this.slot(type, frame.height + i)} = ${this.slot(type, from + i)}; `;
      });
    }
    label.used = true;
    return `${text}goto L${String(label.id)};`;
  }

  private branchTable(instruction: Instruction): void {
    const cases = new Map<number, number[]>();
    (instruction.list ?? []).forEach((depth, i) => {
      if (depth === instruction.a) return;
      const places = cases.get(depth);
      if (places === undefined) cases.set(depth, [i]);
      else places.push(i);
    });
    this.line(`switch (${this.operand(0)}) {`);
    for (const [depth, places] of cases) {
      for (const place of places) this.line(`case ${String(place)}u:`);
      this.line(`{ ${this.branch(depth, 1)} }`);
    }
    this.line(`default: { ${this.branch(instruction.a, 1)} }`);
    this.line('}');
  }

  private returnText(popped = 0): string {
    const { results } = this.type;
    const from = this.height - popped - results.length;
    const values = results.map((type, i) => this.slot(type, from + i));
    if (values.length === 0) return 'return;';
    if (values.length === 1) return `return ${values[0] as string};`;
    return `return (struct ${resultStruct(results)}){${values.join(', ')}};`;
  }

  private plain(instruction: Instruction): void {
    const { op, a } = instruction;
    switch (op) {
      case Op.Nop:
      case Op.Drop:
        return;
      case Op.Select:
      case Op.SelectTyped:
        return this.line(`if (!${this.operand(0)}) ${this.operand(2)} = ${this.operand(1)};`);
      case Op.LocalGet: {
        const type = this.validator.locals[a] as ValueTypeCode;
        return this.line(`${this.slot(type, this.height)} = l${String(a)};`);
      }
      case Op.LocalSet:
      case Op.LocalTee:
        return this.line(`l${String(a)} = ${this.operand(0)};`);
      case Op.RefIsNull: {
        const value = this.operand(0);
        return this.line(`${this.slot(0x7f, this.height - 1)} = ${value} == 0;`);
      }
      case Op.I32Const:
      case Op.I64Const:
      case Op.F32Const:
      case Op.F64Const: {
        const type = 0x7f - (op - Op.I32Const);
        const text = constant(type, instruction.a, instruction.b);
        return this.line(`${this.slot(type, this.height)} = ${text};`);
      }
      default:
        return emitAccess(this, instruction);
    }
  }
}

/** "u32 w7(sledge_instance *I, u32 l0, double l1)". */
export function signature(layout: Layout, index: number): string {
  const type = functionType(layout.module, index);
  const params = type.params.map((param, i) => `, ${cType(param)} l${String(i)}`);
  return `${resultType(type)} w${String(index)}(sledge_instance *I${params.join('')})`;
}
