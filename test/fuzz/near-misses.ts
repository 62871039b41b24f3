import type { Instruction } from '../../plugins/sandbox-awsm/src/compiler/model';
import { memoryOps, numericOps, Op } from '../../plugins/sandbox-awsm/src/compiler/opcodes';
import { laneMemoryOps, laneOps } from '../../plugins/sandbox-awsm/src/compiler/vector-opcodes';
import type { Draft } from './draft';
import type { Random } from './random';
import { writeModule } from './write-module';

const bySignature = new Map<string, number[]>();
const signatureOf = new Map<number, string>();
for (const [code, { params, result }] of numericOps) {
  const key = `${params.join()}:${result}`;
  signatureOf.set(code, key);
  bySignature.set(key, [...(bySignature.get(key) ?? []), code]);
}

/**
 * A valid module with one thing changed by a little: an index or an immediate by one, an operation
 * to one of the same type, a limit or a type of the module. About half of them are valid, the
 * others invalid for one reason alone, so that nothing else is refused before it.
 */
export function nearMiss(draft: Draft, random: Random): Uint8Array<ArrayBuffer> {
  const changed = structuredClone(draft);
  if (random.oneIn(4)) changeModule(changed, random);
  else changeCode(changed, random);
  return writeModule(changed);
}

function changeCode(draft: Draft, random: Random): void {
  const { body } = random.pick(draft.functions);
  const places = body.flatMap((each, at) => (isChangeable(each) ? [at] : []));
  if (places.length === 0) return changeModule(draft, random);
  const at = random.pick(places);
  body[at] = changedInstruction(body[at] as Instruction, random);
}

const INDEXED: ReadonlySet<number> = new Set([
  ...[Op.Br, Op.BrIf, Op.Call, Op.CallIndirect, Op.LocalGet, Op.LocalSet, Op.LocalTee],
  ...[Op.GlobalGet, Op.GlobalSet, Op.TableGet, Op.TableSet, Op.RefFunc, Op.MemoryInit],
  ...[Op.DataDrop, Op.TableInit, Op.ElemDrop, Op.TableCopy, Op.TableGrow, Op.TableSize],
]);

function isChangeable({ op }: Instruction): boolean {
  const known = numericOps.has(op) || memoryOps.has(op) || laneOps.has(op) || laneMemoryOps.has(op);
  return known || INDEXED.has(op);
}

function changedInstruction(each: Instruction, random: Random): Instruction {
  const { op, a, list } = each;
  const key = signatureOf.get(op);
  if (key !== undefined) return { ...each, op: random.pick(bySignature.get(key) ?? [op]) };
  const step = random.pick([1, -1]);
  // the immediate of an access is its alignment, which must not be above its width
  if (!laneMemoryOps.has(op) || list === undefined) return { ...each, a: Math.max(0, a + step) };
  return { ...each, list: [Math.max(0, (list[0] ?? 0) + step)] };
}

function changeModule(draft: Draft, random: Random): void {
  const step = random.pick([1, -1]);
  const [global, table, element, data, type] = [
    ...[draft.globals, draft.tables, draft.elements, draft.data, draft.types],
  ].map((all, i) => (all.length === 0 ? i : random.below(all.length)));
  switch (random.below(7)) {
    case 0:
      draft.start = (draft.start ?? -1) + 1;
      break;
    case 1:
      draft.exports.push({ name: 'near', kind: random.below(4), index: random.below(4) });
      break;
    case 2:
      draft.exports.push({ name: draft.exports[0]?.name ?? 'near', kind: 0, index: 0 });
      break;
    case 3:
      swap(draft.globals[global ?? 0]?.init, draft.data[data ?? 0]?.at);
      break;
    case 4:
      swap(draft.elements[element ?? 0]?.at, draft.globals[global ?? 0]?.init);
      break;
    case 5: {
      const found = draft.tables[table ?? 0];
      if (found === undefined) return;
      const limits = { ...found.limits, min: Math.max(0, (found.limits.max ?? 0) + step) };
      draft.tables[table ?? 0] = { ...found, limits };
      break;
    }
    default: {
      const code = random.pick(draft.functions);
      code.type = (code.type + (type ?? 0)) % (draft.types.length + 1);
    }
  }
}

/** The second begins as the first does. */
function swap(from: Instruction[] | undefined, to: Instruction[] | undefined): void {
  if (from?.[0] !== undefined && to !== undefined) to[0] = from[0];
}
