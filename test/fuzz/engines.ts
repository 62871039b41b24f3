import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { NativeBinding, NativeTestStore } from '@sledge/core';
import { ValueType, type ValueTypeCode } from '../../plugins/sandbox-awsm/src/compiler/model';
import { bitsOfDouble, bitsOfSingle, type Call, type Plan } from './plan';

const { I32, I64, F32, F64 } = ValueType;
const PAGE_BYTES = 65_536;
const bindingPath =
  process.env['SLEDGE_NATIVE_PATH'] ?? join(__dirname, '../../build/native/sledge.node');

/** What a call came to: bit patterns, or how it ended instead. */
export type Outcome = readonly bigint[] | string;

export interface Instance {
  call(call: Call): Outcome;
  global(name: string, type: ValueTypeCode): bigint;
  memory(): Uint8Array;
}

export interface Engine {
  /** Or the trap of a segment or the start function. */
  instantiate(): Instance | string;
}

/**
 * After these no state is compared: where an access faults, stores beside it may or may not have
 * happened yet, and nobody sees the memory of an instance that has ended so.
 */
const IMPRECISE = new Set(['memory', 'stack']);
const REFUEL: Call = { name: 'refuel', params: [], results: [], args: [] };

/** Everything that an engine shows of a module, one line each; ends early where a stack is full. */
export function observe(engine: Engine, plan: Plan): string[] {
  const lines: string[] = [];
  let instance: Instance | undefined;
  for (const [place, call] of plan.calls.entries()) {
    if (place === plan.settled && instance !== undefined) lines.push(...stateOf(instance, plan));
    if (instance === undefined) {
      const made = engine.instantiate();
      if (typeof made === 'string') return [...lines, `instantiate: ${made}`];
      instance = made;
    }
    if (plan.hasFuel) instance.call(REFUEL);
    const outcome = instance.call(call);
    lines.push(describe(call, outcome));
    if (outcome === 'stack') return lines;
    if (typeof outcome === 'string' && IMPRECISE.has(outcome)) instance = undefined;
  }
  if (instance !== undefined) lines.push(...stateOf(instance, plan));
  return lines;
}

/**
 * What V8 shows. Calls after which no state is compared come last, and the state before them is
 * shown as well: else a store of an earlier call would be seen by nobody.
 */
export function observeInV8(wasm: Uint8Array<ArrayBuffer>, wanted: Plan) {
  const engine = new V8Engine(wasm);
  const plan: Plan = { ...wanted, settled: -1 };
  const v8 = observe(engine, plan);
  const isLast = (place: number): boolean => /\) = (memory|stack)$/.test(v8[place] ?? '');
  const last = plan.calls.filter((_, place) => isLast(place));
  if (last.length === 0) return { plan, v8 };
  const first = plan.calls.filter((_, place) => !isLast(place));
  const ordered: Plan = { ...plan, calls: [...first, ...last], settled: first.length };
  return { plan: ordered, v8: observe(engine, ordered) };
}

function describe(call: Call, outcome: Outcome): string {
  const text = (bits: bigint): string => (bits < 0n ? 'null' : `0x${bits.toString(16)}`);
  const result =
    typeof outcome === 'string'
      ? outcome
      : outcome.map((bits, i) => text(canonical(bits, call.results[i] ?? 0))).join(', ');
  return `${call.name}(${call.args.map(text).join(', ')}) = ${result}`;
}

/** Every NaN is the same; of references only whether they are null. */
function canonical(bits: bigint, type: ValueTypeCode): bigint {
  if (type === F32) return (bits & 0x7fff_ffffn) > 0x7f80_0000n ? 0x7fc0_0000n : bits;
  if (type === F64) {
    const isNaN = (bits & 0x7fff_ffff_ffff_ffffn) > 0x7ff0_0000_0000_0000n;
    return isNaN ? 0x7ff8_0000_0000_0000n : bits;
  }
  if (type === I32 || type === I64) return bits;
  return bits < 0n ? -1n : 1n;
}

function stateOf(instance: Instance, plan: Plan): string[] {
  const lines = plan.globals.map(({ name, type }) => {
    const bits = canonical(instance.global(name, type), type);
    return `${name} = 0x${bits.toString(16)}`;
  });
  if (plan.hasMemory) {
    const memory = instance.memory();
    const hash = createHash('sha256').update(memory).digest('hex');
    lines.push(`memory: ${memory.length} bytes, ${hash}`);
  }
  return lines;
}

/** V8's messages, by what they begin with or hold. */
const V8_TRAPS: readonly (readonly [RegExp, string])[] = [
  [/unreachable/, 'unreachable'],
  [/memory access out of bounds|data segment/, 'memory'],
  [/table (index|access)|element segment|table initializer/, 'table'],
  [/(divide|remainder) by zero/, 'division'],
  [/unrepresentable/, 'number'],
  [/null function or function signature|signature mismatch/, 'call'],
  [/call stack/, 'stack'],
];
/** By sledge_trap. */
const OUR_TRAPS = [
  ...['none', 'unreachable', 'memory', 'table', 'division', 'number', 'number', 'table', 'call'],
  ...['call', 'stack'],
];

function trapOf(error: unknown): string {
  const text = String((error as Error).message);
  return V8_TRAPS.find(([pattern]) => pattern.test(text))?.[1] ?? `V8: ${text}`;
}

export class V8Engine implements Engine {
  private readonly module: WebAssembly.Module;

  constructor(wasm: Uint8Array<ArrayBuffer>) {
    this.module = new WebAssembly.Module(wasm);
  }

  instantiate(): Instance | string {
    try {
      const { exports } = new WebAssembly.Instance(this.module, {});
      return new V8Instance(exports);
    } catch (error) {
      return trapOf(error);
    }
  }
}

class V8Instance implements Instance {
  constructor(private readonly exports: Record<string, unknown>) {}

  call({ name, params, results, args }: Call): Outcome {
    const given = args.map((bits, i) => toJavaScript(bits, params[i] ?? 0));
    try {
      const value = (this.exports[name] as (...all: unknown[]) => unknown)(...given);
      const values = results.length === 1 ? [value] : [...((value ?? []) as unknown[])];
      return values.map((each, i) => fromJavaScript(each, results[i] ?? 0));
    } catch (error) {
      return trapOf(error);
    }
  }

  global(name: string, type: ValueTypeCode): bigint {
    return fromJavaScript((this.exports[name] as { value: unknown }).value, type);
  }

  memory(): Uint8Array {
    return new Uint8Array((this.exports['memory'] as WebAssembly.Memory).buffer);
  }
}

function toJavaScript(bits: bigint, type: ValueTypeCode): unknown {
  if (type === I32) return Number(BigInt.asIntN(32, bits));
  if (type === I64) return BigInt.asIntN(64, bits);
  if (type === F32) return new Float32Array(new Uint32Array([Number(bits)]).buffer)[0];
  if (type === F64) return new Float64Array(new BigUint64Array([bits]).buffer)[0];
  return null;
}

function fromJavaScript(value: unknown, type: ValueTypeCode): bigint {
  if (type === I32) return BigInt.asUintN(32, BigInt(value as number));
  if (type === I64) return BigInt.asUintN(64, value as bigint);
  if (type === F32) return bitsOfSingle(value as number);
  if (type === F64) return bitsOfDouble(value as number);
  return value === null || value === undefined ? -1n : 1n;
}

/** Where instances live until it is closed. */
export function openStore(): NativeTestStore {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const binding = require(bindingPath) as NativeBinding;
  return new binding.TestStore();
}

/** A module as sandbox-awsm built it, in real slots. */
export class SledgeEngine implements Engine {
  constructor(
    private readonly path: string,
    private readonly store = openStore(),
    private readonly descriptor = 'sledge_module',
    private readonly grows = true,
  ) {}

  instantiate(): Instance | string {
    try {
      const id = this.store.instantiate(this.path, [], this.descriptor);
      return id < 0 ? ourTrap(-id) : new SledgeInstance(this.store, id, this.grows);
    } catch (error) {
      return `refused: ${(error as Error).message}`;
    }
  }

  close(): void {
    this.store.close();
  }
}

function ourTrap(kind: number): string {
  return OUR_TRAPS[kind] ?? `trap ${kind}`;
}

class SledgeInstance implements Instance {
  constructor(
    private readonly store: NativeTestStore,
    private readonly id: number,
    private readonly grows: boolean,
  ) {}

  /** A module that cannot grow its memory has no function for it. */
  private pages(): number {
    if (!this.grows) return 1;
    const [pages] = this.store.invoke(this.id, 'pages', []) as bigint[];
    return Number(pages);
  }

  call({ name, args }: Call): Outcome {
    const outcome = this.store.invoke(this.id, name, [...args]);
    return typeof outcome === 'number' ? ourTrap(outcome) : outcome;
  }

  global(name: string): bigint {
    return this.store.getGlobal(this.id, name);
  }

  memory(): Uint8Array {
    return this.store.readMemory(this.id, 0, this.pages() * PAGE_BYTES);
  }
}
