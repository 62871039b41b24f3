import type { CheckedModule } from './analyse';
import type { Instruction, WasmModule } from './model';
import { Op } from './opcodes';
import { instructionCost, POLL_BUDGET } from './poll-costs';

/** What the poll planner needs to know of a function, gathered while it is validated. */
export interface FunctionSummary {
  cost: number;
  hasLoop: boolean;
  /** Function indices, once for each call. */
  readonly calls: number[];
  /** Type indices, once for each call_indirect. */
  readonly indirectCalls: number[];
}

export function summarise(body: readonly Instruction[]): FunctionSummary {
  const summary: FunctionSummary = { cost: 0, hasLoop: false, calls: [], indirectCalls: [] };
  for (const instruction of body) {
    summary.cost += instructionCost(instruction);
    if (instruction.op === Op.Loop) summary.hasLoop = true;
    if (instruction.op === Op.Call) summary.calls.push(instruction.a);
    if (instruction.op === Op.CallIndirect) summary.indirectCalls.push(instruction.a);
  }
  return summary;
}

/** How much each function may cost before it, or what it calls, looks at the flag. */
export interface CallCosts {
  /** Which functions look at the flag when they are entered. */
  pollsAtEntry(index: number): boolean;
  /** Looks at its entry, or is a host function, which looks by itself. */
  looksItself(index: number): boolean;
  ofCall(index: number): number;
  ofIndirectCall(typeIndex: number): number;
}

const HALF = POLL_BUDGET / 2;

/**
 * U(f) = min(B, its operations + U of its callees + B if it has a loop); recursive or imported: B;
 * call_indirect: the most of any function of that type that can be in a table.
 */
export function callCosts(
  checked: CheckedModule,
  canonical: readonly number[],
  openTables: boolean,
): CallCosts {
  const { module, summaries } = checked;
  const targets = indirectTargets(checked, canonical);
  const successors = (index: number): readonly number[] => {
    const summary = summaries[index - module.importedFunctions];
    if (summary === undefined) return [];
    const indirect = new Set(summary.indirectCalls.map((type) => canonical[type] as number));
    return [...summary.calls, ...[...indirect].flatMap((type) => targets.get(type) ?? [])];
  };
  const components = stronglyConnected(module, successors);
  const unpolled = new Array<number>(module.functions.length).fill(POLL_BUDGET);
  const recursive = new Set<number>();
  const ofIndirectCall = (typeIndex: number): number => {
    if (openTables) return POLL_BUDGET;
    const list = targets.get(canonical[typeIndex] as number) ?? [];
    return list.reduce((most, index) => Math.max(most, unpolled[index] as number), 0);
  };
  for (const component of components) {
    const [first] = component;
    if (first === undefined || first < module.importedFunctions) continue;
    if (component.length > 1 || successors(first).includes(first)) {
      for (const index of component) recursive.add(index);
      continue;
    }
    const summary = summaries[first - module.importedFunctions] as FunctionSummary;
    let cost = summary.cost + (summary.hasLoop ? POLL_BUDGET : 0);
    for (const index of summary.calls) cost += unpolled[index] as number;
    for (const type of summary.indirectCalls) cost += ofIndirectCall(type);
    unpolled[first] = Math.min(POLL_BUDGET, cost);
  }
  const pollsAtEntry = (index: number): boolean =>
    index >= module.importedFunctions &&
    (recursive.has(index) || (unpolled[index] as number) >= HALF);
  return {
    pollsAtEntry,
    looksItself: (index) => index < module.importedFunctions || pollsAtEntry(index),
    ofCall: (index) => unpolled[index] as number,
    ofIndirectCall,
  };
}

/** By structural type: the functions that a table may hold. */
function indirectTargets(
  checked: CheckedModule,
  canonical: readonly number[],
): ReadonlyMap<number, number[]> {
  const targets = new Map<number, number[]>();
  for (const index of checked.declared) {
    const type = canonical[checked.module.functions[index] as number] as number;
    const list = targets.get(type);
    if (list === undefined) targets.set(type, [index]);
    else list.push(index);
  }
  return targets;
}

/** Tarjan's algorithm without recursion: components, callees before their callers. */
function stronglyConnected(
  module: WasmModule,
  successors: (index: number) => readonly number[],
): number[][] {
  const count = module.functions.length;
  const order = new Int32Array(count).fill(-1);
  const low = new Int32Array(count);
  const onStack = new Uint8Array(count);
  const stack: number[] = [];
  const components: number[][] = [];
  let next = 0;
  for (let root = 0; root < count; root++) {
    if (order[root] !== -1) continue;
    const work = [{ node: root, edges: successors(root), at: 0 }];
    while (work.length > 0) {
      const step = work[work.length - 1] as (typeof work)[number];
      const { node } = step;
      if (order[node] === -1) {
        order[node] = low[node] = next++;
        stack.push(node);
        onStack[node] = 1;
      }
      const callee = step.edges[step.at++];
      if (callee !== undefined) {
        if (order[callee] === -1) work.push({ node: callee, edges: successors(callee), at: 0 });
        else if (onStack[callee])
          low[node] = Math.min(low[node] as number, order[callee] as number);
        continue;
      }
      work.pop();
      const caller = work[work.length - 1];
      if (caller !== undefined) {
        low[caller.node] = Math.min(low[caller.node] as number, low[node] as number);
      }
      if (low[node] === order[node]) components.push(popComponent(stack, onStack, node));
    }
  }
  return components;
}

function popComponent(stack: number[], onStack: Uint8Array, root: number): number[] {
  const component: number[] = [];
  for (;;) {
    const node = stack.pop() as number;
    onStack[node] = 0;
    component.push(node);
    if (node === root) return component;
  }
}
