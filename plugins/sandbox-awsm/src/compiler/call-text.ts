import { tablePlace, tableSize, typeId } from './access';
import type { Layout } from './layout';

/** The instance that a callee gets: its own, or the caller's where it names none. */
export function instanceOf(layout: Layout, holder: string): string {
  return layout.linkable ? `(${holder}.instance ? ${holder}.instance : I)` : 'I';
}

/** Looks up the entry of a call_indirect; traps when it is not there or of another type. */
export function callee(layout: Layout, table: number, index: string, typeIndex: number): string {
  const place = tablePlace(layout, table);
  return `callee(I, ${place}, ${tableSize(layout, table)}, ${index}, ${typeId(layout, typeIndex)})`;
}
