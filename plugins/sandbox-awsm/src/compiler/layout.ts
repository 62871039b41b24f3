import type { CheckedModule } from './analyse';
import { type CallCosts, callCosts } from './call-graph';
import { byteSize, cType } from './c-types';
import { type FixedTable, fixedTables } from './fixed-tables';
import { ExternalKind, type FunctionType, type ValueTypeCode, type WasmModule } from './model';

/** sizeof(sledge_instance), sizeof(sledge_table): checked in the generated C. */
export const INSTANCE_BYTES = 128;
const TABLE_BYTES = 16;
const ALIGN_BYTES = 64;

export interface LowerOptions {
  /** May share memory, tables and globals with other modules (tests only). */
  readonly linkable: boolean;
  readonly polled: boolean;
  /** Safepoints also see when a quantum has ended. Only with `polled`. */
  readonly readsTime: boolean;
  readonly strictFloat: boolean;
}

interface Field {
  readonly declaration: string;
  readonly bytes: number;
}

/** Where everything of a module is: decided once, used by every part of the emitter. */
export interface Layout {
  readonly checked: CheckedModule;
  readonly module: WasmModule;
  readonly options: LowerOptions;
  readonly linkable: boolean;
  /** Structurally distinct types, and for each type index its place among them. */
  readonly types: readonly FunctionType[];
  readonly canonical: readonly number[];
  readonly stateFields: readonly string[];
  readonly stateBytes: number;
  readonly globalOffsets: ReadonlyMap<number, number>;
  readonly tableOffsets: ReadonlyMap<number, number>;
  /** Functions that a ref.func, element or export of the module can make a reference to. */
  readonly referenced: ReadonlyMap<number, number>;
  /** Position of each data segment in the module's one blob of data. */
  readonly dataOffsets: readonly number[];
  readonly tablesChange: boolean;
  /** Tables whose content is known now. */
  readonly fixedTables: ReadonlyMap<number, FixedTable>;
  /** Present when the module looks at its pending flag. */
  readonly polls: CallCosts | undefined;
}

export function layOut(checked: CheckedModule, options: LowerOptions): Layout {
  const { module } = checked;
  const shared = module.imports.some((entry) => entry.kind !== ExternalKind.Function);
  const types: FunctionType[] = [];
  const canonical = canonicalTypes(module, types);
  const state = layOutState(checked);
  const linkable = options.linkable || shared;
  return {
    checked,
    module,
    options,
    linkable,
    types,
    canonical,
    ...state,
    referenced: referencedFunctions(checked),
    dataOffsets: dataOffsets(module),
    fixedTables: linkable ? new Map() : fixedTables(checked),
    tablesChange: checked.use.writtenTables.size > 0,
    polls: options.polled ? callCosts(checked, canonical, linkable) : undefined,
  };
}

function canonicalTypes(module: WasmModule, types: FunctionType[]): number[] {
  const places = new Map<string, number>();
  return module.types.map((type) => {
    const key = `${type.params.join()}>${type.results.join()}`;
    let place = places.get(key);
    if (place === undefined) {
      place = types.push(type) - 1;
      places.set(key, place);
    }
    return place;
  });
}

function layOutState(
  checked: CheckedModule,
): Pick<Layout, 'stateFields' | 'stateBytes' | 'globalOffsets' | 'tableOffsets'> {
  const { module, use } = checked;
  const fields: string[] = [];
  const globalOffsets = new Map<number, number>();
  const tableOffsets = new Map<number, number>();
  let at = INSTANCE_BYTES;
  const add = (field: Field): number => {
    fields.push(field.declaration);
    at += field.bytes;
    return at - field.bytes;
  };
  const addGlobals = (bytes: number): void => {
    module.globals.forEach((global, i) => {
      const type: ValueTypeCode = global.type.type;
      if (global.init === undefined || byteSize(type) !== bytes) return;
      globalOffsets.set(i, add({ declaration: `${cType(type)} g${String(i)};`, bytes }));
    });
  };
  for (let i = module.importedTables; i < module.tables.length; i++) {
    const declaration = `sledge_table t${String(i)};`;
    tableOffsets.set(i, add({ declaration, bytes: TABLE_BYTES }));
  }
  addGlobals(16);
  addGlobals(8);
  addGlobals(4);
  const flags = (name: string, count: number): void => {
    if (count > 0) add({ declaration: `u8 ${name}[${String(count)}];`, bytes: count });
  };
  if (use.dataSegments) flags('data_dropped', module.data.length);
  if (use.elementSegments) flags('elements_dropped', module.elements.length);
  const stateBytes = Math.ceil(at / ALIGN_BYTES) * ALIGN_BYTES;
  if (stateBytes > at) fields.push(`u8 padding[${String(stateBytes - at)}];`);
  return { stateFields: fields, stateBytes, globalOffsets, tableOffsets };
}

function referencedFunctions(checked: CheckedModule): ReadonlyMap<number, number> {
  const indices = [...checked.declared].sort((a, b) => a - b);
  return new Map(indices.map((index, place) => [index, place]));
}

function dataOffsets(module: WasmModule): number[] {
  let at = 0;
  return module.data.map((segment) => {
    at += segment.length;
    return at - segment.length;
  });
}
