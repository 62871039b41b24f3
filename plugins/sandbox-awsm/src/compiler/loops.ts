import type { Instruction } from './model';
import { Op } from './opcodes';

/** A loop of one body; positions are places in its list of instructions. */
export interface Loop {
  readonly start: number;
  end: number;
  readonly parent: Loop | undefined;
  readonly children: Loop[];
  /** Branches to its head. */
  readonly backEdges: number[];
  hasCalls: boolean;
  /** Blocks or ifs stand in it. */
  hasBlocks: boolean;
  /** Branches or ifs inside, but for a final branch to its head. */
  innerBranches: number;
}

/** X is stepped once by a constant, and the loop goes on while X differs from the limit. */
export interface CountedLoop {
  /** Its one branch to its head; what is behind runs once, after the last iteration. */
  readonly latch: number;
  readonly local: number;
  readonly step: number;
  readonly limit: { readonly constant: number } | { readonly local: number };
  /** Iterations, when the module's code says them. */
  readonly trips: number | undefined;
  /** A local is read before it is written and not stepped by a constant. */
  readonly carried: boolean;
}

interface Frame {
  readonly loop: Loop | undefined;
}

/** All loops of a body, outer ones before inner ones. */
export function findLoops(body: readonly Instruction[]): Loop[] {
  const loops: Loop[] = [];
  const frames: Frame[] = [{ loop: undefined }];
  let current: Loop | undefined;
  const branchTo = (depth: number, at: number): void => {
    const target = frames[frames.length - 1 - depth]?.loop;
    target?.backEdges.push(at);
    if (current !== undefined) current.innerBranches++;
  };
  body.forEach(({ op, a, list }, at) => {
    if (op === Op.Loop) {
      current = openLoop(at, current);
      loops.push(current);
      frames.push({ loop: current });
    } else if (op === Op.Block || op === Op.If) {
      if (current !== undefined) current.hasBlocks = true;
      if (op === Op.If && current !== undefined) current.innerBranches++;
      frames.push({ loop: undefined });
    } else if (op === Op.End) {
      const closed = frames.pop()?.loop;
      if (closed === undefined) return;
      closed.end = at;
      current = closed.parent;
    } else if (op === Op.Br || op === Op.BrIf || op === Op.BrTable) {
      branchTo(a, at);
      for (const depth of list ?? []) branchTo(depth, at);
    } else if (op === Op.Return || op === Op.Unreachable) {
      if (current !== undefined) current.innerBranches++;
    } else if (op === Op.Call || op === Op.CallIndirect) {
      for (let loop = current; loop !== undefined; loop = loop.parent) loop.hasCalls = true;
    }
  });
  return loops;
}

function openLoop(start: number, parent: Loop | undefined): Loop {
  const loop: Loop = {
    start,
    end: start,
    parent,
    children: [],
    backEdges: [],
    hasCalls: false,
    hasBlocks: false,
    innerBranches: 0,
  };
  parent?.children.push(loop);
  return loop;
}

/**
 * Recognises a counted loop: innermost, without calls, whose one back edge is in none of its blocks
 * and tests a local that is written once, as `X += constant`, against something that does not
 * change in the loop.
 */
export function asCounted(body: readonly Instruction[], loop: Loop): CountedLoop | undefined {
  const [latch = loop.end] = loop.backEdges;
  const back = body[latch];
  if (loop.children.length > 0 || loop.hasCalls || loop.backEdges.length !== 1) return undefined;
  if ((body[loop.start]?.a ?? 0) >= 0) return undefined;
  if (back?.op !== Op.BrIf || back.a !== 0) return undefined;
  for (const { local, limit } of readTests(body, latch)) {
    const step = readStep(body, loop, { local, latch });
    if (step === undefined || step === 0) continue;
    if ('local' in limit && writesOf(body, loop, limit.local).length > 0) continue;
    const start = constantBefore(body, loop, local);
    const trips = 'constant' in limit ? tripsOf(start, limit.constant, step) : undefined;
    return { latch, local, step, limit, trips, carried: hasCarried(body, loop, local) };
  }
  return undefined;
}

type Test = Pick<CountedLoop, 'local' | 'limit'>;

/** Ways to read the condition of the latch as `X != N`, or, for N = 0, as just X. */
function readTests(body: readonly Instruction[], latch: number): Test[] {
  const last = body[latch - 1];
  const direct = readLocal(last);
  if (direct !== undefined) return [{ local: direct, limit: { constant: 0 } }];
  if (last?.op !== Op.I32Ne) return [];
  const right = body[latch - 2];
  const tests: Test[] = [];
  const add = (counter: Instruction | undefined, limit: Instruction | undefined): void => {
    const local = readLocal(counter);
    if (local === undefined) return;
    if (limit?.op === Op.I32Const) tests.push({ local, limit: { constant: limit.a } });
    if (limit?.op === Op.LocalGet && limit.a !== local) {
      tests.push({ local, limit: { local: limit.a } });
    }
  };
  add(body[latch - 3], right);
  if (right?.op === Op.LocalGet) add(right, body[latch - 3]);
  const stepped = right?.op === Op.LocalTee ? stepAt(body, latch - 2, right.a) : undefined;
  if (stepped !== undefined) add(right, body[latch - 6]);
  return tests;
}

function readLocal(instruction: Instruction | undefined): number | undefined {
  const reads = instruction?.op === Op.LocalGet || instruction?.op === Op.LocalTee;
  return reads ? instruction.a : undefined;
}

function writesOf(body: readonly Instruction[], loop: Loop, local: number): number[] {
  const places: number[] = [];
  for (let at = loop.start + 1; at < loop.end; at++) {
    const instruction = body[at] as Instruction;
    const writes = instruction.op === Op.LocalSet || instruction.op === Op.LocalTee;
    if (writes && instruction.a === local) places.push(at);
  }
  return places;
}

/**
 * The constant by which the loop's only write of a local steps it, if it does, unconditionally and
 * before the latch: behind it, it is stepped when the loop has been left.
 */
function readStep(
  body: readonly Instruction[],
  loop: Loop,
  { local, latch }: Pick<CountedLoop, 'local' | 'latch'>,
): number | undefined {
  const writes = writesOf(body, loop, local);
  const at = writes[0];
  if (at === undefined || writes.length !== 1 || at > latch) return undefined;
  if (depthInside(body, loop, at) !== 0) return undefined;
  return stepAt(body, at, local);
}

function stepAt(body: readonly Instruction[], at: number, local: number): number | undefined {
  const [first, second, add] = [body[at - 3], body[at - 2], body[at - 1]];
  if (first?.op !== Op.LocalGet || first.a !== local || second?.op !== Op.I32Const) {
    return undefined;
  }
  if (add?.op === Op.I32Add) return second.a;
  return add?.op === Op.I32Sub ? -second.a | 0 : undefined;
}

/** How many blocks of the loop's body stand around a place in it. */
function depthInside(body: readonly Instruction[], loop: Loop, place: number): number {
  let depth = 0;
  for (let at = loop.start + 1; at < place; at++) {
    const op = (body[at] as Instruction).op;
    if (op === Op.Block || op === Op.If) depth++;
    else if (op === Op.End) depth--;
  }
  return depth;
}

/** The constant that `local` holds when the loop is entered, if straight code before it says so. */
function constantBefore(
  body: readonly Instruction[],
  loop: Loop,
  local: number,
): number | undefined {
  for (let at = loop.start - 1; at > 0; at--) {
    const { op, a } = body[at] as Instruction;
    if (op === Op.LocalSet && a === local) {
      const value = body[at - 1];
      return value?.op === Op.I32Const ? value.a : undefined;
    }
    if (op === Op.LocalTee && a === local) return undefined;
    if (op >= Op.Unreachable && op <= Op.Return && op !== Op.Nop) return undefined;
  }
  return undefined;
}

function tripsOf(start: number | undefined, limit: number, step: number): number | undefined {
  if (start === undefined) return undefined;
  const distance = (step > 0 ? limit - start : start - limit) >>> 0;
  const stride = Math.abs(step);
  return distance > 0 && distance % stride === 0 ? distance / stride : undefined;
}

function hasCarried(body: readonly Instruction[], loop: Loop, counter: number): boolean {
  const written = new Set<number>();
  const readFirst = new Set<number>();
  for (let at = loop.start + 1; at < loop.end; at++) {
    const { op, a } = body[at] as Instruction;
    if (op === Op.LocalGet && !written.has(a)) readFirst.add(a);
    if (op === Op.LocalSet || op === Op.LocalTee) written.add(a);
  }
  return [...readFirst].some((local) => {
    if (local === counter || !written.has(local)) return false;
    return writesOf(body, loop, local).some((at) => stepAt(body, at, local) === undefined);
  });
}
