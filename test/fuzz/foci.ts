import {
  type Instruction,
  isReference,
  ValueType,
  type ValueTypeCode,
} from '../../plugins/sandbox-awsm/src/compiler/model';
import { memoryOps, numericOps, Op } from '../../plugins/sandbox-awsm/src/compiler/opcodes';
import {
  laneMemoryOps,
  laneOps,
  VectorOp,
} from '../../plugins/sandbox-awsm/src/compiler/vector-opcodes';
import { instruction } from './draft';
import { memoryArgument, pushConstant, type Scope } from './expressions';
import { plainFocus } from './plain-foci';
import { join, takeApart, valueOf } from './plan';

const { I32, I64, F32, F64, V128 } = ValueType;
const PAGE_BYTES = 65_536;
const CALLS = 10;
/** Of every lane, 32 bits wide. */
const SIGNS = 0x80000000_80000000_80000000_80000000n;
const NAN_32 = 0x7fc0_0000n;
const NAN_64 = 0x7ff8_0000_0000_0000n;
const ACCESS_CALLS = 7;

/** A short function about one opcode, and what to call it with. Vectors travel as two halves. */
export interface Focus {
  readonly params: readonly ValueTypeCode[];
  readonly results: readonly ValueTypeCode[];
  readonly locals: readonly ValueTypeCode[];
  /** Its last `end` included. */
  readonly body: readonly Instruction[];
  readonly args: readonly (readonly bigint[])[];
}

/** An operation on operands of these types. */
interface Operation {
  readonly params: readonly ValueTypeCode[];
  readonly result: ValueTypeCode | undefined;
  readonly each: Instruction;
}

/** The function for an opcode; its immediates, constants and calls are random. */
export function focusOn(op: number, scope: Scope): Focus {
  const access = memoryOps.get(op) ?? laneMemoryOps.get(op);
  if (access !== undefined) return accessFocus(op, scope);
  const operation = operationOf(op, scope);
  return operation === undefined ? plainFocus(op, scope) : operationFocus(operation, scope);
}

function operationOf(op: number, { random }: Scope): Operation | undefined {
  const numeric = numericOps.get(op);
  if (numeric !== undefined) {
    return { params: numeric.params, result: numeric.result, each: instruction(op) };
  }
  const lane = laneOps.get(op);
  if (lane !== undefined) {
    const each = instruction(op, random.below(lane.lanes));
    if (lane.replace) return { params: [V128, lane.scalar], result: V128, each };
    return { params: [V128], result: lane.scalar, each };
  }
  if (op !== VectorOp.Shuffle) return undefined;
  const list = Array.from({ length: 16 }, () => random.below(32));
  return { params: [V128, V128], result: V128, each: instruction(op, 0, 0, list) };
}

/** Its operands are parameters; sometimes the last one is a constant, or the first one again. */
function operationFocus({ params, result, each }: Operation, scope: Scope): Focus {
  const { random } = scope;
  const [first, last] = [params[0], params[params.length - 1]] as [ValueTypeCode, ValueTypeCode];
  const isSpecial = params.length > 1 && random.oneIn(4);
  const given = isSpecial ? params.slice(0, -1) : params;
  const { outer, push } = operands(given);
  const again = first === last && random.oneIn(2) ? operands([first]).push : undefined;
  const rest = isSpecial ? (again ?? [pushConstant(scope, last)]) : [];
  const body = [...push, ...rest, each];
  const args = Array.from({ length: CALLS }, () => valuesOf(given, scope));
  args[0] = halvesOf(given, zeros(given));
  return finish(outer, result, body, args);
}

/** What divides by zero, has no bit, is no number. */
function zeros(types: readonly ValueTypeCode[]): bigint[] {
  const values: bigint[] = types.map((type) =>
    type === F32 ? NAN_32 : type === F64 ? NAN_64 : 0n,
  );
  if (types.length === 2 && types[0] !== V128) values[0] = 5n;
  return values;
}

/** Values of operands: border cases, two of which are often the same or special as a pair. */
function valuesOf(params: readonly ValueTypeCode[], { random }: Scope): bigint[] {
  const values = params.map((type) => (type === V128 ? lanes(random) : valueOf(random, type)));
  const isPair = params.length === 2 && params[0] === params[1];
  if (isPair && random.oneIn(6)) values[1] = values[0] as bigint;
  if (isPair && random.oneIn(8)) Object.assign(values, special(params[0] ?? I32, random));
  return halvesOf(params, values);
}

/** Vectors travel as two integers. */
function halvesOf(types: readonly ValueTypeCode[], values: readonly bigint[]): bigint[] {
  return values.flatMap((bits, i) => (types[i] === V128 ? halves(bits) : [bits]));
}

/** The quotient that does not fit; zeros of either sign. */
function special(type: ValueTypeCode, random: Scope['random']): readonly bigint[] {
  if (type === I32) return [0x8000_0000n, 0xffff_ffffn];
  if (type === I64) return [1n << 63n, (1n << 64n) - 1n];
  const zeros: bigint[] = [0n, type === F32 ? 1n << 31n : 1n << 63n];
  if (type === V128) return [0n, SIGNS];
  return random.oneIn(2) ? zeros : zeros.reverse();
}

/** Lanes of one shape, each a border case of its own. */
function lanes(random: Scope['random']): bigint {
  const [type, bits] = random.pick([
    ...([
      [I32, 8],
      [I32, 16],
      [I32, 32],
      [I64, 64],
      [F32, 32],
      [F64, 64],
    ] as const),
  ]);
  let value = 0n;
  for (let at = 0; at < 128; at += bits) {
    value |= BigInt.asUintN(bits, valueOf(random, type)) << BigInt(at);
  }
  return value;
}

function halves(bits: bigint): bigint[] {
  return [BigInt.asUintN(64, bits), BigInt.asUintN(64, bits >> 64n)];
}

/** The parameters that carry these types, and the code that pushes them. */
function operands(types: readonly ValueTypeCode[]): {
  outer: ValueTypeCode[];
  push: Instruction[];
} {
  const outer: ValueTypeCode[] = [];
  const push: Instruction[] = [];
  for (const type of types) {
    const at = outer.length;
    if (type === V128) push.push(...join(at, at + 1));
    else push.push(instruction(Op.LocalGet, at));
    outer.push(...(type === V128 ? [I64, I64] : [type]));
  }
  return { outer, push };
}

function finish(
  params: readonly ValueTypeCode[],
  result: ValueTypeCode | undefined,
  body: readonly Instruction[],
  args: readonly (readonly bigint[])[],
): Focus {
  const end = instruction(Op.End);
  if (result !== V128) {
    const results = result === undefined ? [] : [isReference(result) ? I32 : result];
    return { params, results, locals: [], body: [...body, end], args };
  }
  const apart = [...body, ...takeApart([V128], params.length), end];
  return { params, results: [I64, I64], locals: [V128], body: apart, args };
}

/** A load or a store, at the edges of memory too. */
function accessFocus(op: number, scope: Scope): Focus {
  const { random } = scope;
  const lane = laneMemoryOps.get(op);
  const plain = memoryOps.get(op);
  const { bytesLog2 = 0, store = false } = plain ?? lane ?? {};
  const list = lane === undefined ? undefined : [random.below(16 >> bytesLog2)];
  const each = memoryArgument(scope, op, list);
  const value = plain?.type ?? V128;
  const takesValue = store || lane !== undefined;
  const { outer, push } = operands(takesValue ? [I32, value] : [I32]);
  const top = PAGE_BYTES - (1 << bytesLog2) - each.b;
  const edges = [top, top - 1, top + 1, PAGE_BYTES - each.b, -1, -each.b - 1, 0];
  const args = Array.from({ length: ACCESS_CALLS }, (_, i) => {
    const at = i < 3 ? random.pick(edges) : random.below(random.pick([16, 120, 60_000]));
    const rest = takesValue ? valuesOf([value], scope) : [];
    return [BigInt.asUintN(32, BigInt(at)), ...rest];
  });
  return finish(outer, store ? undefined : value, [...push, each], args);
}
