import { callee, instanceOf } from './call-text';
import { functionPointer, resultStruct, resultType } from './c-types';
import type { FunctionEmitter } from './emit-function';
import type { Layout } from './layout';
import type { FunctionType, ValueTypeCode } from './model';
import { functionType } from './validate-module';

export function emitCall(emitter: FunctionEmitter, index: number): void {
  const { layout } = emitter;
  const { code, instance } = directCode(layout, index);
  emitInvocation(emitter, functionType(layout.module, index), code, instance, 0);
}

function directCode(layout: Layout, index: number): { code: string; instance: string } {
  if (index >= layout.module.importedFunctions) return { code: `w${String(index)}`, instance: 'I' };
  const type = functionType(layout.module, index);
  const holder = `I->imports[${String(index)}]`;
  const code = `((${functionPointer(type)})${holder}.code)`;
  return { code, instance: instanceOf(layout, holder) };
}

/**
 * More callees than these are called through the table: compilers make a jump table of them, which
 * no processor predicts better than the call, and many worse.
 */
const DIRECT_CALLEES_MAX = 3;

export function emitCallIndirect(emitter: FunctionEmitter, typeIndex: number, table: number): void {
  const { layout } = emitter;
  const type = layout.module.types[typeIndex] as FunctionType;
  const entry = callee(layout, table, emitter.operand(0), typeIndex);
  const direct = directCallees(layout, typeIndex, table);
  if (direct !== undefined) return emitDirectCalls(emitter, type, direct, entry);
  emitter.line(`{ const sledge_table_entry *entry = ${entry};`);
  const pointer = `((${functionPointer(type)})entry->code)`;
  emitInvocation(emitter, type, pointer, instanceOf(layout, '(*entry)'), 1);
  emitter.line('}');
}

/** By function: the indices at which a fixed table holds it, when they are few. */
function directCallees(
  layout: Layout,
  typeIndex: number,
  table: number,
): ReadonlyMap<number, number[]> | undefined {
  const callees = new Map<number, number[]>();
  const content = layout.fixedTables.get(table);
  if (content === undefined) return undefined;
  for (const [place, index] of content.entries()) {
    if (index === null) continue;
    const type = layout.module.functions[index] as number;
    if (layout.canonical[type] !== layout.canonical[typeIndex]) continue;
    const places = callees.get(index);
    if (places === undefined) callees.set(index, [place]);
    else places.push(place);
    if (callees.size > DIRECT_CALLEES_MAX) return undefined;
  }
  return callees;
}

/** A switch over the callees; any other index traps as the lookup in the table does. */
function emitDirectCalls(
  emitter: FunctionEmitter,
  type: FunctionType,
  callees: ReadonlyMap<number, number[]>,
  lookup: string,
): void {
  emitter.line(`switch (${emitter.operand(0)}) {`);
  for (const [index, places] of callees) {
    for (const place of places) emitter.line(`case ${String(place)}u:`);
    const { code, instance } = directCode(emitter.layout, index);
    emitInvocation(emitter, type, code, instance, 1);
    emitter.line('break;');
  }
  emitter.line(`default: (void)${lookup}; __builtin_unreachable(); }`);
}

function emitInvocation(
  emitter: FunctionEmitter,
  type: FunctionType,
  code: string,
  instance: string,
  popped: number,
): void {
  const count = type.params.length;
  const args = type.params.map((_, i) => emitter.operand(popped + count - 1 - i));
  const call = `${code}(${[instance, ...args].join(', ')})`;
  const base = emitter.height - popped - count;
  const { results } = type;
  if (results.length === 0) return emitter.line(`${call};`);
  if (results.length === 1) {
    const to = emitter.slot(results[0] as ValueTypeCode, base);
    return emitter.line(`${to} = ${call};`);
  }
  emitter.line(`{ ${resultType(type)} ${resultStruct(results)}_value = ${call};`);
  const fields = results.map((result, i) => {
    const to = emitter.slot(result, base + i);
    return `${to} = ${resultStruct(results)}_value.v${String(i)};`;
  });
  emitter.line(`${fields.join(' ')} }`);
}
