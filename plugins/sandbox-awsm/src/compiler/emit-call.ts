import { callee, instanceOf } from './call-text';
import { functionPointer, resultStruct, resultType } from './c-types';
import type { FunctionEmitter } from './emit-function';
import type { FunctionType, ValueTypeCode } from './model';
import { functionType } from './validate-module';

export function emitCall(emitter: FunctionEmitter, index: number): void {
  const { layout } = emitter;
  const type = functionType(layout.module, index);
  if (index >= layout.module.importedFunctions) {
    return emitInvocation(emitter, type, `w${String(index)}`, 'I', 0);
  }
  const pointer = `((${functionPointer(type)})I->imports[${String(index)}].code)`;
  emitInvocation(emitter, type, pointer, instanceOf(layout, `I->imports[${String(index)}]`), 0);
}

export function emitCallIndirect(emitter: FunctionEmitter, typeIndex: number, table: number): void {
  const { layout } = emitter;
  const type = layout.module.types[typeIndex] as FunctionType;
  const entry = callee(layout, table, emitter.operand(0), typeIndex);
  emitter.line(`{ const sledge_table_entry *entry = ${entry};`);
  const pointer = `((${functionPointer(type)})entry->code)`;
  emitInvocation(emitter, type, pointer, instanceOf(layout, '(*entry)'), 1);
  emitter.line('}');
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
