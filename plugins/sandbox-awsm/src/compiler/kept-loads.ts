import { addAddresses, type Address, constantAddress, sameTerms } from './abstract-value';
import { initialValue, LoopReader, type LoopStore } from './loop-reader';
import { asCounted, type Loop } from './loops';
import { type Instruction, type ValueTypeCode } from './model';
import { Op } from './opcodes';

/**
 * Loops whose loads a C compiler keeps by itself.
 *
 * A load must trap out of bounds also when nothing uses its value, so each is forced into a
 * register; and that keeps the compiler from vectorising the loop around it. In a small counted
 * loop it can be proved that every loaded value matters: it goes, by operations whose result is
 * different for each value of each operand, into a store that no other store can replace, or into
 * a local that combines them and is forced after the loop. Such loads need no force. What the
 * proof needs the compiler not to know (the values of locals used as data) is hidden from it
 * before the loop.
 *
 * Not admitted: anything that could cancel a value (integer subtraction, masks, shifts), constants
 * that could absorb one or leave it as it is (NaN, infinity, 0, 1), copies from where they go to,
 * stores to one place in every iteration or to places that other stores may reach.
 */
export interface KeptLoop {
  readonly start: number;
  readonly end: number;
  readonly opaqueLocals: readonly number[];
  /** Locals that hold what they held before combined with loaded values. */
  readonly sums: readonly number[];
}

const LOADS_MAX = 32;
/** So that a value counts less than 2^32 times in a sum. */
const INTEGER_SUMS_MAX = 16;
/** How many iterations apart stores are compared: more than a compiler unrolls. */
const ITERATIONS_APART_MAX = 64;

export function keptLoops(
  body: readonly Instruction[],
  loops: readonly Loop[],
  localTypes: readonly ValueTypeCode[],
): ReadonlyMap<number, KeptLoop> {
  const found = new Map<number, KeptLoop>();
  for (const loop of loops) {
    const kept = asKept(body, loop, localTypes);
    if (kept !== undefined) found.set(loop.start, kept);
  }
  return found;
}

function asKept(
  body: readonly Instruction[],
  loop: Loop,
  localTypes: readonly ValueTypeCode[],
): KeptLoop | undefined {
  const counted = loop.innerBranches > 1 ? undefined : asCounted(body, loop);
  if (counted === undefined) return undefined;
  const reader = new LoopReader(localTypes, writtenLocals(body, loop));
  for (let at = loop.start + 1; at < loop.end - 1; at++) {
    if (!reader.step(body[at] as Instruction, at)) return undefined;
  }
  const { loads, opaque, addressLocals, stores } = reader;
  if (loads.size === 0 || loads.size > LOADS_MAX) return undefined;
  if (reader.integerSums > INTEGER_SUMS_MAX) return undefined;
  addressLocals.add(counted.local);
  if ('local' in counted.limit) addressLocals.add(counted.limit.local);
  if ([...opaque].some((local) => addressLocals.has(local) || becomesKnown(reader, local))) {
    return undefined;
  }
  if (!storesSurvive(reader)) return undefined;
  const kept = new Set(stores.flatMap(storedLoads));
  const sums = sumLocals(reader, kept);
  if ([...loads.keys()].some((place) => !kept.has(place))) return undefined;
  return { start: loop.start, end: loop.end, opaqueLocals: [...opaque], sums };
}

/** An iteration could leave a constant for the next one to begin with. */
function becomesKnown(reader: LoopReader, local: number): boolean {
  const next = reader.locals.get(local);
  return next !== undefined && next.kind !== 'data';
}

function writtenLocals(body: readonly Instruction[], loop: Loop): ReadonlySet<number> {
  const written = new Set<number>();
  for (let at = loop.start + 1; at < loop.end; at++) {
    const { op, a } = body[at] as Instruction;
    if (op === Op.LocalSet || op === Op.LocalTee) written.add(a);
  }
  return written;
}

/** The loads that a store's value depends on; none for a copy that may be onto itself. */
function storedLoads(store: LoopStore): number[] {
  const { value } = store;
  if (value.kind !== 'data' || value.sumIn !== undefined) return [];
  const { copyOf } = value;
  if (copyOf !== undefined) {
    const to = target(store);
    if (copyOf.kind !== 'address' || !sameTerms(copyOf, to) || copyOf.base === to.base) return [];
  }
  return [...value.loads];
}

function target(store: LoopStore): Address {
  return addAddresses(store.address as Address, constantAddress(store.offset), 1);
}

/** Adds to `kept` what goes into sums, and returns the locals that hold them. */
function sumLocals(reader: LoopReader, kept: Set<number>): number[] {
  const sums: number[] = [];
  for (const [local, value] of reader.locals) {
    if (value.kind !== 'data' || reader.addressLocals.has(local)) continue;
    if (value.sumIn !== local && !value.loads.has(initialValue(local))) continue;
    sums.push(local);
    for (const place of value.loads) kept.add(place);
  }
  return sums;
}

/** No store can make another one superfluous, in this iteration or a later one. */
function storesSurvive(reader: LoopReader): boolean {
  const { stores } = reader;
  const [first] = stores;
  if (first === undefined) return true;
  const whole = stores.every(({ op, value }) => op.bytesLog2 >= 2 && value.kind === 'data');
  const stride = strideOf(reader, first.address as Address);
  if (!whole || stride === undefined || stride === 0) return false;
  const same = stores.every((store) =>
    sameTerms(store.address as Address, first.address as Address),
  );
  return same && stores.every((a, i) => stores.slice(i).every((b) => apart(a, b, stride)));
}

function apart(a: LoopStore, b: LoopStore, stride: number): boolean {
  const distance = (target(b).base - target(a).base) | 0;
  const [sizeA, sizeB] = [1 << a.op.bytesLog2, 1 << b.op.bytesLog2];
  for (let m = -ITERATIONS_APART_MAX; m <= ITERATIONS_APART_MAX; m++) {
    if (a === b && m === 0) continue;
    const shifted = (distance + Math.imul(m, stride)) | 0;
    if (shifted < sizeA && shifted > -sizeB) return false;
  }
  return true;
}

/** By how much the address moves in one iteration, if every local in it is stepped or fixed. */
function strideOf(reader: LoopReader, address: Address): number | undefined {
  let stride = 0;
  for (const [local, times] of address.terms) {
    const next = reader.locals.get(local);
    if (next === undefined) continue;
    if (next.kind !== 'address' || next.terms.size !== 1 || next.terms.get(local) !== 1) {
      return undefined;
    }
    stride = (stride + Math.imul(times, next.base)) | 0;
  }
  return stride;
}
