import { checkModule } from '../../plugins/sandbox-awsm/src/compiler/analyse';
import { decodeModule } from '../../plugins/sandbox-awsm/src/compiler/decode';
import type { Instruction, ValueTypeCode } from '../../plugins/sandbox-awsm/src/compiler/model';
import { Op } from '../../plugins/sandbox-awsm/src/compiler/opcodes';
import { FunctionValidator } from '../../plugins/sandbox-awsm/src/compiler/validate-function';
import { functionType } from '../../plugins/sandbox-awsm/src/compiler/validate-module';
import { type Draft, type DraftFunction, instruction, zeroOf } from './draft';
import type { Case } from './fuzzer';
import { writeModule } from './write-module';

/** Whether a module still shows the difference. */
type Check = (candidate: Case) => Promise<boolean>;

/** Instructions of all bodies. */
export function sizeOf(draft: Draft): number {
  return draft.functions.reduce((sum, { body }) => sum + body.length, 0);
}

/**
 * A smaller module that still differs: bodies become traps, then code that gives a value becomes a
 * constant and code that gives none goes, the longest first. Builds at most `builds` modules.
 */
export async function minimise(subject: Case, differs: Check, builds: number): Promise<Case> {
  let left = builds;
  let best = subject;
  const accept = async (draft: Draft): Promise<boolean> => {
    const wasm = writeModule(draft);
    if (left <= 0 || !WebAssembly.validate(wasm)) return false;
    left--;
    const candidate = { ...best, draft, wasm };
    const isSmaller = await differs(candidate).catch(() => false);
    if (isSmaller) best = candidate;
    return isSmaller;
  };
  await withoutBodies(() => best.draft, accept);
  for (let before = Infinity; left > 0 && sizeOf(best.draft) < before;) {
    before = sizeOf(best.draft);
    for (let i = 0; i < best.draft.functions.length && left > 0; i++) {
      await withoutCode(() => best.draft, i, accept);
    }
  }
  return best;
}

type Accept = (draft: Draft) => Promise<boolean>;

function isTrap({ body }: DraftFunction): boolean {
  return body[0]?.op === Op.Unreachable;
}

async function withoutBodies(current: () => Draft, accept: Accept): Promise<void> {
  for (let size = current().functions.length; size >= 1; size = Math.floor(size / 2)) {
    for (let first = 0; first < current().functions.length; first += size) {
      const draft = structuredClone(current());
      const group = draft.functions.slice(first, first + size).filter((each) => !isTrap(each));
      if (group.length === 0) continue;
      for (const each of group) {
        each.locals = [];
        each.body = [instruction(Op.Unreachable), instruction(Op.End)];
      }
      await accept(draft);
    }
  }
}

interface Range {
  readonly from: number;
  readonly to: number;
  readonly instead: readonly Instruction[];
}

async function withoutCode(current: () => Draft, index: number, accept: Accept): Promise<void> {
  let ranges = rangesOf(current(), index);
  for (let i = 0; i < ranges.length; i++) {
    const { from, to, instead } = ranges[i] as Range;
    const draft = structuredClone(current());
    draft.functions[index]?.body.splice(from, to - from, ...instead);
    if (!(await accept(draft))) continue;
    ranges = rangesOf(current(), index);
    i = ranges.findIndex((range) => range.to - range.from <= to - from) - 1;
    if (i < -1) return;
  }
}

/** Code that gives one value, or none, with what may stand in its place; the longest first. */
function rangesOf(draft: Draft, index: number): Range[] {
  const body = draft.functions[index]?.body ?? [];
  const { heights, tops } = stacksOf(draft, index);
  const ranges: Range[] = [];
  for (let from = 0; from < body.length - 1; from++) {
    for (let to = from + 1; to < body.length; to++) {
      const rise = (heights[to] ?? 0) - (heights[from] ?? 0);
      if (rise < 0) break;
      if (rise === 0) ranges.push({ from, to, instead: [] });
      const type = tops[to];
      if (rise === 1 && to - from > 1 && type !== undefined && type !== 0) {
        ranges.push({ from, to, instead: [zeroOf(type)] });
      }
    }
  }
  return ranges.sort((a, b) => b.to - b.from - (a.to - a.from));
}

/** Height of the operand stack and the type on top of it, before each instruction. */
function stacksOf(draft: Draft, index: number) {
  const heights: number[] = [];
  const tops: (ValueTypeCode | undefined)[] = [];
  const module = decodeModule(writeModule(draft));
  const { declared } = checkModule(module);
  const own = module.bodies[index];
  if (own === undefined) return { heights, tops };
  const validator = new FunctionValidator(module, declared, functionType(module, index), own);
  for (const each of draft.functions[index]?.body ?? []) {
    heights.push(validator.stack.length);
    tops.push(validator.stack[validator.stack.length - 1]);
    validator.step(each);
  }
  return { heights, tops };
}
