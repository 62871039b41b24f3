import { checkModule } from '../../plugins/sandbox-awsm/src/compiler/analyse';
import { decodeModule } from '../../plugins/sandbox-awsm/src/compiler/decode';
import type { Instruction, ValueTypeCode } from '../../plugins/sandbox-awsm/src/compiler/model';
import {
  memoryOps,
  type NumericOp,
  numericOps,
  Op,
} from '../../plugins/sandbox-awsm/src/compiler/opcodes';
import { FunctionValidator } from '../../plugins/sandbox-awsm/src/compiler/validate-function';
import { functionType } from '../../plugins/sandbox-awsm/src/compiler/validate-module';
import { Coverage } from './coverage';
import { type Draft, type DraftFunction, instruction, typeOf } from './draft';
import { expression, pushConstant, rarer, type Scope } from './expressions';
import type { Random } from './random';
import { statement } from './statements';
import { writeModule } from './write-module';

const SIGNATURES = new Map<string, number[]>();
const signature = ({ params, result }: NumericOp): string => `${params.join()}>${result}`;
for (const [code, op] of numericOps) {
  const key = signature(op);
  SIGNATURES.set(key, [...(SIGNATURES.get(key) ?? []), code]);
}

/** Changes bodies of a draft at the level of instructions. Most results are valid, not all. */
export class Mutator {
  constructor(
    private readonly draft: Draft,
    private readonly random: Random,
    /** Mostly adds code, which is likely to run to its end, and seldom changes what is there. */
    private readonly inserts = false,
  ) {}

  /** Of this draft alone, so that what is made does not depend on what was made before. */
  private readonly coverage = new Coverage();

  /** One change of one function. */
  mutate(index: number): void {
    const code = this.draft.functions[index] as DraftFunction;
    const { random } = this;
    const place = random.below(code.body.length);
    const scope = this.scope(code, index);
    switch (this.kindOfChange()) {
      case 'insert':
        this.insert(code, place, statement(scope, 2));
        break;
      case 'transform':
        this.transform(scope, code, index, place);
        break;
      default:
        code.body[place] = this.other(scope, code.body[place] as Instruction);
    }
    code.locals = scope.locals.slice(typeOf(this.draft, index).params.length);
  }

  private kindOfChange(): 'insert' | 'transform' | 'replace' {
    const { random, inserts } = this;
    if (random.oneIn(3)) return 'transform';
    return random.oneIn(inserts ? 10 : 2) ? 'replace' : 'insert';
  }

  private scope(code: DraftFunction, index: number): Scope {
    const { draft, random, coverage } = this;
    const locals = [...typeOf(draft, index).params, ...code.locals];
    return { draft, random, coverage, locals, index, reserved: new Set() };
  }

  /** Sends the value on top of the stack through an operation. */
  private transform(scope: Scope, code: DraftFunction, index: number, place: number): void {
    const type = topTypes(this.draft, index)[place];
    if (type === undefined || type === 0) return;
    const fitting = [...numericOps].filter(([, op]) => op.params[0] === type);
    if (fitting.length === 0) return;
    const op = rarer(
      scope,
      fitting.map(([each]) => each),
    );
    const { params, result } = numericOps.get(op) as NumericOp;
    const rest = params.slice(1).flatMap((param) => expression(scope, param, 1));
    const back = this.convert(scope, result, type);
    this.insert(code, place, [...rest, instruction(op), ...back]);
  }

  private insert(code: DraftFunction, place: number, added: readonly Instruction[]): void {
    this.coverage.add(added);
    code.body.splice(place, 0, ...added);
  }

  private convert(scope: Scope, from: ValueTypeCode, to: ValueTypeCode): Instruction[] {
    if (from === to) return [];
    const direct = SIGNATURES.get(`${from}>${to}`);
    if (direct !== undefined) return [instruction(rarer(scope, direct))];
    return [instruction(Op.Drop), ...expression(scope, to, 1)];
  }

  /** Another instruction that takes and gives the same. */
  private other(scope: Scope, each: Instruction): Instruction {
    const { op } = each;
    const numeric = numericOps.get(op);
    if (numeric !== undefined) {
      return instruction(rarer(scope, SIGNATURES.get(signature(numeric)) ?? [op]));
    }
    const memory = memoryOps.get(op);
    if (memory !== undefined) {
      const same = [...memoryOps].filter(
        ([, other]) => other.type === memory.type && other.store === memory.store,
      );
      const offset = this.random.oneIn(2) ? each.b : this.random.below(256);
      return instruction(
        rarer(
          scope,
          same.map(([code]) => code),
        ),
        0,
        offset,
      );
    }
    switch (op) {
      case Op.I32Const:
      case Op.I64Const:
      case Op.F32Const:
      case Op.F64Const:
        return pushConstant(scope, 0x7f - (op - Op.I32Const));
      case Op.LocalGet:
      case Op.LocalSet:
      case Op.LocalTee: {
        const type = scope.locals[each.a];
        const same = scope.locals.flatMap((other, i) => (other === type ? [i] : []));
        return instruction(op, this.random.pick(same));
      }
      case Op.Br:
      case Op.BrIf:
        return instruction(op, this.random.below(each.a + 2));
      case Op.Select:
      case Op.Drop:
        return each;
      default:
        return each;
    }
  }
}

/** The type on top of the stack before each instruction; undefined where there is none. */
function topTypes(draft: Draft, index: number): (ValueTypeCode | undefined)[] {
  const types: (ValueTypeCode | undefined)[] = [];
  const module = decodeModule(writeModule(draft));
  try {
    const checked = checkModule(module);
    const body = module.bodies[index];
    if (body === undefined) return types;
    const validator = new FunctionValidator(
      module,
      checked.declared,
      functionType(module, index),
      body,
    );
    for (const each of draft.functions[index]?.body ?? []) {
      const { stack, top } = validator;
      types.push(stack.length > top.height ? stack[stack.length - 1] : undefined);
      validator.step(each);
    }
  } catch {
    return [];
  }
  return types;
}
