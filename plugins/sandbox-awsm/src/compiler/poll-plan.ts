import type { CallCosts } from './call-graph';
import { asCounted, type CountedLoop, type Loop } from './loops';
import type { Instruction } from './model';
import { Op } from './opcodes';
import { instructionCost, POLL_BUDGET } from './poll-costs';

/** What the head of a loop does. */
export type HeadPoll =
  | { readonly kind: 'none' }
  | { readonly kind: 'poll'; readonly cost: number }
  | { readonly kind: 'fuel'; readonly amount: number }
  /** Charged once at its entry: all of its iterations. */
  | { readonly kind: 'whole'; readonly amount: number }
  /** Run in chunks of `iterations`, each charged `weight` per iteration. */
  | {
      readonly kind: 'chunks';
      readonly counted: CountedLoop;
      readonly iterations: number;
      readonly weight: number;
      readonly latch: number;
      /** No label inside: the body's text may be written twice. */
      readonly straight: boolean;
    };

export interface PollPlan {
  readonly atEntry: boolean;
  /** What a call may have cost since the last look: for those that read the time now and then. */
  readonly entryCost: number;
  readonly usesFuel: boolean;
  /** By the loop instruction's place in the body. */
  readonly heads: ReadonlyMap<number, HeadPoll>;
  /** Places before which straight code looks at the flag, and what it has cost until there. */
  readonly straight: ReadonlyMap<number, number>;
}

/**
 * Upper bound of the cost between two looks at the flag: a full load of fuel, the head that
 * overdraws it, straight code, and a callee that does not look.
 */
export const POLL_GAP_COST_MAX = POLL_BUDGET * 2.5;

const STRAIGHT_COST_MAX = POLL_BUDGET / 4;
const CHUNK_SPAN_MAX = 2 ** 30;

/** Decides where one function looks at the flag. `index`: of the function. */
export function planPolls(
  body: readonly Instruction[],
  loops: readonly Loop[],
  index: number,
  costs: CallCosts,
): PollPlan {
  const totals = new Map<Loop, number>();
  const heads = new Map<number, HeadPoll>();
  const sums = prefixCosts(body, costs);
  for (const loop of [...loops].reverse()) {
    const total = (sums[loop.end] as number) - (sums[loop.start] as number);
    totals.set(loop, total);
    const children = loop.children.reduce((sum, child) => sum + (totals.get(child) ?? 0), 0);
    heads.set(loop.start, headOf(body, loop, total, total - children, costs));
  }
  const usesFuel = [...heads.values()].some(({ kind }) => kind !== 'none' && kind !== 'poll');
  return {
    atEntry: costs.pollsAtEntry(index),
    entryCost: entryCost(body, loops, costs),
    usesFuel,
    heads,
    straight: straightPolls(body, costs),
  };
}

/** Callees that look themselves count as the call alone; loops pay by fuel, or look. */
function entryCost(body: readonly Instruction[], loops: readonly Loop[], costs: CallCosts): number {
  const cost = body.reduce((sum, instruction) => sum + unpolledCost(instruction, costs), 0);
  return Math.min(POLL_BUDGET, cost + (loops.length > 0 ? POLL_BUDGET / 2 : 0));
}

/** What an instruction costs without a look, with what it calls. */
function unpolledCost(instruction: Instruction, costs: CallCosts): number {
  const cost = instructionCost(instruction);
  const calls = instruction.op === Op.Call && !costs.looksItself(instruction.a);
  return calls ? cost + costs.ofCall(instruction.a) : cost;
}

/** At each place, the cost of all instructions before it, calls included. */
function prefixCosts(body: readonly Instruction[], costs: CallCosts): Float64Array {
  const sums = new Float64Array(body.length + 1);
  body.forEach((instruction, at) => {
    let cost = instructionCost(instruction);
    if (instruction.op === Op.Call) cost += costs.ofCall(instruction.a);
    if (instruction.op === Op.CallIndirect) cost += costs.ofIndirectCall(instruction.a);
    sums[at + 1] = (sums[at] as number) + cost;
  });
  return sums;
}

function headOf(
  body: readonly Instruction[],
  loop: Loop,
  total: number,
  own: number,
  costs: CallCosts,
): HeadPoll {
  if (loop.backEdges.length === 0) return { kind: 'none' };
  if (callsPolledFirst(body, loop, costs)) return { kind: 'none' };
  if (total >= POLL_BUDGET / 4) return { kind: 'poll', cost: Math.min(POLL_BUDGET, total) };
  const counted = asCounted(body, loop);
  if (counted !== undefined) return countedHead(loop, counted, own);
  const weight = own * (loop.children.length > 0 ? 2 : 4);
  return { kind: 'fuel', amount: charge(weight) };
}

function charge(cost: number): number {
  return Math.max(1, Math.min(POLL_BUDGET / 2, Math.ceil(cost)));
}

function countedHead(loop: Loop, counted: CountedLoop, own: number): HeadPoll {
  const branches = loop.innerBranches > 1;
  const weight = charge(own * (counted.carried || branches ? 2 : 0.5));
  if (counted.trips !== undefined && counted.trips * weight <= POLL_BUDGET) {
    return { kind: 'whole', amount: counted.trips * weight };
  }
  const iterations = Math.max(1, Math.floor(POLL_BUDGET / weight));
  if (iterations * Math.abs(counted.step) > CHUNK_SPAN_MAX) {
    return { kind: 'fuel', amount: charge(own * 4) };
  }
  const straight = !branches && !loop.hasBlocks;
  return { kind: 'chunks', counted, iterations, weight, latch: counted.latch, straight };
}

/** Whether every way from the head to a back edge calls a function that looks at its entry. */
function callsPolledFirst(body: readonly Instruction[], loop: Loop, costs: CallCosts): boolean {
  let depth = 0;
  for (let at = loop.start + 1; at < loop.end; at++) {
    const { op, a } = body[at] as Instruction;
    if (op === Op.Call && costs.pollsAtEntry(a)) return true;
    if (op === Op.Block) depth++;
    else if (op === Op.End) depth--;
    else if (op === Op.BrIf && a > depth) continue;
    else if (op >= Op.Loop && op <= Op.Return) return false;
  }
  return false;
}

/**
 * Looks in straight code, so that a body of any length is bounded. A callee that looks at the flag
 * itself counts as the call alone.
 */
function straightPolls(
  body: readonly Instruction[],
  costs: CallCosts,
): ReadonlyMap<number, number> {
  const places = new Map<number, number>();
  let since = 0;
  body.forEach((instruction, at) => {
    const cost = unpolledCost(instruction, costs);
    since += cost;
    if (since <= STRAIGHT_COST_MAX) return;
    places.set(at, Math.min(POLL_BUDGET, since - cost));
    since = cost;
  });
  return places;
}
