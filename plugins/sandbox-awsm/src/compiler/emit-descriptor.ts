import { createHash } from 'node:crypto';
import { functionPointer, fromCell, resultType, toCell } from './c-types';
import { instanceOf } from './call-text';
import type { Layout } from './layout';
import { ExternalKind, type FunctionType, type ValueTypeCode, type WasmModule } from './model';
import { functionType } from './validate-module';

const NONE = '0xffffffffu';

/** The exported `sledge_module` with everything it points to. */
export function emitDescriptor(layout: Layout, pollGapCostMax: number): string {
  return [
    ...signatures(layout),
    ...imports(layout),
    ...exports_(layout),
    ...tables(layout),
    ...functionIndex(layout),
    ...descriptor(layout, pollGapCostMax),
    '',
  ].join('\n');
}

/** Text of a module only ever appears as a list of numbers. */
function bytesArray(name: string, bytes: ArrayLike<number>): string {
  return `static const u8 ${name}[] = {${bytes.length === 0 ? '0' : Array.from(bytes).join(',')}};`;
}

function array(type: string, name: string, rows: readonly string[]): string[] {
  if (rows.length === 0) return [`#define ${name} 0`];
  return [`static const ${type} ${name}[] = {`, ...rows.map((row) => `${row},`), '};'];
}

function signatures(layout: Layout): string[] {
  const out: string[] = [];
  const rows = layout.types.map((type, i) => {
    const name = `type_${String(i)}`;
    out.push(bytesArray(`${name}_params`, type.params));
    out.push(bytesArray(`${name}_results`, type.results));
    const counts = `${String(type.params.length)}, ${String(type.results.length)}`;
    return `{${name}_params, ${name}_results, ${counts}}`;
  });
  return [...out, ...array('sledge_signature', 'types', rows)];
}

interface ExternalFields {
  type: string;
  mutability: string;
  min: string;
  max: string;
}

function external(layout: Layout, kind: number, index: number): ExternalFields {
  const { module } = layout;
  const bounds = (limits: { min: number; max: number | undefined } | undefined) => ({
    min: `${String(limits?.min ?? 0)}u`,
    max: limits?.max === undefined ? NONE : `${String(limits.max)}u`,
  });
  switch (kind) {
    case ExternalKind.Function: {
      const type = layout.canonical[module.functions[index] as number];
      return { type: String(type), mutability: '0', min: '0', max: '0' };
    }
    case ExternalKind.Table: {
      const table = module.tables[index];
      return { type: String(table?.element), mutability: '0', ...bounds(table?.limits) };
    }
    case ExternalKind.Memory:
      return { type: '0', mutability: '0', ...bounds(module.memories[index]) };
    default: {
      const type = module.globals[index]?.type;
      const mutability = type?.mutable === true ? '1' : '0';
      return { type: String(type?.type), mutability, min: '0', max: '0' };
    }
  }
}

function imports(layout: Layout): string[] {
  const out: string[] = [];
  const rows = layout.module.imports.map((entry, i) => {
    const name = `import_${String(i)}`;
    out.push(bytesArray(`${name}_module`, entry.module), bytesArray(`${name}_name`, entry.name));
    const fields = external(layout, entry.kind, entry.index);
    const names =
      `{${name}_module, ${String(entry.module.length)}}, ` +
      `{${name}_name, ${String(entry.name.length)}}`;
    const rest = `${fields.type}, ${fields.mutability}, ${fields.min}, ${fields.max}`;
    return `{${names}, ${String(entry.kind)}, ${rest}}`;
  });
  return [...out, ...array('sledge_import', 'imports', rows)];
}

/** Named so because `exports` is CommonJS's. */
function exports_(layout: Layout): string[] {
  const out: string[] = [];
  const rows = layout.module.exports.map((entry, i) => {
    const name = `export_${String(i)}`;
    out.push(bytesArray(`${name}_name`, entry.name));
    let invoke = '0';
    if (entry.kind === ExternalKind.Function) {
      invoke = `${name}_invoke`;
      out.push(invoker(layout, invoke, entry.index));
    }
    const fields = external(layout, entry.kind, entry.index);
    const place = stateOffset(layout, entry.kind, entry.index);
    const head = `{${name}_name, ${String(entry.name.length)}}, ${String(entry.kind)}`;
    const tail = `${fields.type}, ${fields.mutability}, ${invoke}, ${String(place)}u`;
    return `{${head}, ${String(entry.index)}u, ${tail}}`;
  });
  return [...out, ...array('sledge_export', 'exports', rows)];
}

function stateOffset(layout: Layout, kind: number, index: number): number {
  if (kind === ExternalKind.Global) return layout.globalOffsets.get(index) ?? 0;
  if (kind === ExternalKind.Table) return layout.tableOffsets.get(index) ?? 0;
  return 0;
}

function invoker(layout: Layout, name: string, index: number): string {
  const type = functionType(layout.module, index);
  const args = type.params.map((param, i) => fromCell(param, `params[${String(i)}]`));
  const call = callOf(layout, type, index, args);
  const lines = [
    `static void ${name}(sledge_instance *I, const sledge_value *params, sledge_value *results) {`,
    '(void)params; (void)results;',
    type.results.length === 0 ? `${call};` : `${resultType(type)} value = ${call};`,
  ];
  type.results.forEach((result, i) => {
    const cell = `results[${String(i)}]`;
    const value = type.results.length === 1 ? 'value' : `value.v${String(i)}`;
    lines.push(`${cell}.cells[0] = 0; ${cell}.cells[1] = 0;`, toCell(result, cell, value));
  });
  return [...lines, '}'].join('\n');
}

function callOf(layout: Layout, type: FunctionType, index: number, args: string[]): string {
  if (index >= layout.module.importedFunctions) {
    return `w${String(index)}(${['I', ...args].join(', ')})`;
  }
  const holder = `I->imports[${String(index)}]`;
  const pointer = `((${functionPointer(type)})${holder}.code)`;
  return `${pointer}(${[instanceOf(layout, holder), ...args].join(', ')})`;
}

/** A function of this module that calls imported function `index`, to be put into tables. */
export function importThunk(layout: Layout, index: number): string {
  const type = functionType(layout.module, index);
  const names = type.params.map((_, i) => `l${String(i)}`);
  const params = type.params.map((param, i) => `${cTypeOf(param)} l${String(i)}`);
  const call = callOf(layout, type, index, names);
  const body = type.results.length === 0 ? `${call};` : `return ${call};`;
  const head = `static ${resultType(type)} thunk_${String(index)}`;
  return `${head}(${['sledge_instance *I', ...params].join(', ')}) { ${body} }`;
}

function cTypeOf(type: ValueTypeCode): string {
  return resultType({ params: [], results: [type] });
}

export function codeOf(module: WasmModule, index: number): string {
  const name = index < module.importedFunctions ? 'thunk_' : 'w';
  return `(sledge_code)${name}${String(index)}`;
}

function tables(layout: Layout): string[] {
  const { module } = layout;
  const rows = module.tables.map((table, i) => {
    const max = table.limits.max === undefined ? NONE : `${String(table.limits.max)}u`;
    const imported = i < module.importedTables ? '1' : '0';
    const offset = layout.tableOffsets.get(i) ?? 0;
    return (
      `{${String(table.element)}, ${String(table.limits.min)}u, ${max}, ${imported}, ` +
      `${String(offset)}u}`
    );
  });
  return array('sledge_table_decl', 'tables', rows);
}

function functionIndex(layout: Layout): string[] {
  if (!layout.linkable) return [];
  const { module } = layout;
  const codes = module.functions.map((_, i) => codeOf(module, i));
  const types = module.functions.map((type) => `${String(layout.canonical[type])}u`);
  return [
    ...array('sledge_code', 'function_codes', codes),
    ...array('u32', 'function_types', types),
  ];
}

function descriptor(layout: Layout, pollGapCostMax: number): string[] {
  const { module } = layout;
  const memory = module.memories[0];
  const hash = createHash('sha256').update(module.bytes).digest();
  const max = memory?.max === undefined ? NONE : `${String(memory.max)}u`;
  const count = (list: readonly unknown[]): string => String(list.length);
  return [
    '__attribute__((visibility("default"))) const sledge_module_descriptor sledge_module = {',
    'SLEDGE_MODULE_ABI_VERSION,',
    'sizeof(sledge_module_descriptor),',
    `{${Array.from(hash).join(',')}},`,
    `${flags(layout)},`,
    'STATE_BYTES,',
    `${String(memory?.min ?? 0)}u,`,
    `${memory === undefined ? '0' : max},`,
    `${String(pollGapCostMax)}u,`,
    `types, ${count(layout.types)},`,
    `imports, ${count(module.imports)},`,
    `exports, ${count(module.exports)},`,
    `tables, ${count(module.tables)},`,
    `${count(module.functions)},`,
    'initialise,',
    `${module.start === undefined ? '0' : 'start'},`,
    layout.linkable ? 'function_codes, function_types' : '0, 0',
    '};',
  ];
}

function flags(layout: Layout): string {
  const { module, options } = layout;
  const names: [boolean, string][] = [
    [options.polled, 'POLLED'],
    [options.readsTime, 'READS_TIME'],
    [options.strictFloat, 'STRICT_FLOAT'],
    [layout.linkable, 'LINKABLE'],
    [layout.tablesChange, 'TABLES_CHANGE'],
    [module.memories.length > 0, 'HAS_MEMORY'],
    [module.importedMemories > 0, 'IMPORTS_MEMORY'],
  ];
  const set = names.filter(([on]) => on).map(([, name]) => `SLEDGE_MODULE_${name}`);
  return set.length === 0 ? '0' : set.join(' | ');
}
