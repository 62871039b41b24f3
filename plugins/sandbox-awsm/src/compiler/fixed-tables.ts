import type { CheckedModule } from './analyse';
import type { WasmModule } from './model';
import { Op } from './opcodes';

/** What a table holds that nothing can change: function indices, or null. */
export type FixedTable = readonly (number | null)[];

const ENTRIES_MAX = 4096;

/**
 * The tables whose content is known when the module is compiled: own ones that no instruction
 * writes, filled by segments at constant places. Linkable modules have none: others may write.
 */
export function fixedTables(checked: CheckedModule): ReadonlyMap<number, FixedTable> {
  const { module, use } = checked;
  const found = new Map<number, FixedTable>();
  for (let index = module.importedTables; index < module.tables.length; index++) {
    if (use.writtenTables.has(index)) continue;
    const content = contentOf(module, index);
    if (content !== undefined) found.set(index, content);
  }
  return found;
}

function contentOf(module: WasmModule, index: number): FixedTable | undefined {
  const size = module.tables[index]?.limits.min ?? 0;
  if (size > ENTRIES_MAX) return undefined;
  const content = new Array<number | null>(size).fill(null);
  for (const segment of module.elements) {
    if (segment.mode !== 'active' || segment.table !== index) continue;
    const at = segment.at?.instructions[0];
    if (at?.op !== Op.I32Const) return undefined;
    const start = at.a >>> 0;
    // Such a segment traps when the module is initialised: no call will come.
    if (start + segment.items.length > size) return undefined;
    for (const [i, item] of segment.items.entries()) {
      const instruction = item.instructions[0];
      if (instruction?.op === Op.GlobalGet) return undefined;
      content[start + i] = instruction?.op === Op.RefFunc ? instruction.a : null;
    }
  }
  return content;
}
