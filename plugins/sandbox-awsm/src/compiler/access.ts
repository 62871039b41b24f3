import { cType } from './c-types';
import type { Layout } from './layout';
import { ValueType, type ValueTypeCode } from './model';

/** C expressions for the state of an instance, the same in every part of a module's C. */

export function globalPlace(layout: Layout, index: number): string {
  const global = layout.module.globals[index];
  if (global?.init !== undefined) return `S->g${String(index)}`;
  const type = cType(global?.type.type as ValueTypeCode);
  return `(*(${type} *)I->import_globals[${String(index)}])`;
}

export function tablePlace(layout: Layout, index: number): string {
  return layout.linkable ? `I->tables[${String(index)}]` : `(&S->t${String(index)})`;
}

/** The size of a table: a constant when nothing can change it. */
export function tableSize(layout: Layout, index: number): string {
  const fixed = !layout.linkable && !layout.checked.use.grownTables.has(index);
  if (!fixed) return `${tablePlace(layout, index)}->size`;
  return `${String(layout.module.tables[index]?.limits.min ?? 0)}u`;
}

export function tableEntry(layout: Layout, table: number, reference: string): string {
  const element = layout.module.tables[table]?.element;
  return element === ValueType.FuncRef ? `func_entry(${reference})` : `extern_entry(${reference})`;
}

export function typeId(layout: Layout, typeIndex: number): string {
  const place = layout.canonical[typeIndex] as number;
  return layout.linkable ? `I->type_ids[${String(place)}]` : `${String(place + 1)}u`;
}

export function functionReference(layout: Layout, index: number): string {
  if (layout.linkable) return `((ref)&I->own_funcs[${String(index)}])`;
  return `((ref)&funcrefs[${String(layout.referenced.get(index))}])`;
}
