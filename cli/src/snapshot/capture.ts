import { readModule, SECTION, Writer, writeModule } from './binary';
import type { Section } from './binary';
import { BuildHost, SnapshotRefusal } from './build-host';
import { EXTERNAL, readShape, TYPE } from './module-shape';
import type { ExportShape, GlobalShape, ModuleShape } from './module-shape';
import { globalSection, memorySections } from './write-state';

/** What is called at build time, in this order: the constructors, then one of the others. */
const CONSTRUCTORS = '_initialize';
const INITIALISERS = ['sledge_init', 'wizer-initialize', 'wizer.initialize'];
/** What wizer's modules go on with. */
const RESUME = ['wizer-resume', 'wizer.resume'];
const OWN = '__sledge_snapshot_';

export interface Snapshot {
  readonly wasm: Buffer;
  /** What the module wrote while it started. */
  readonly log: string;
}

/**
 * The module as it is after its initialisation: memory as data, globals as constants, and nothing
 * left to be done before `sledge_handle` or `_start`. As wizer does it, after its documentation.
 * @param input standard input while it starts
 * @throws SnapshotRefusal when its state cannot be captured, RangeError when it is no module.
 */
export function takeSnapshot(wasm: Uint8Array, input: Uint8Array): Snapshot {
  const sections = readModule(wasm);
  const shape = readShape(sections);
  const initialisers = initialisersOf(shape);
  refuse(shape);
  const host = new BuildHost(input);
  const instance = instantiate(opened(sections, shape), host);
  const before = tablesOf(instance, shape);
  run(instance, [...(shape.start === undefined ? [] : [`${OWN}start`]), ...initialisers], host);
  compareTables(before, tablesOf(instance, shape));
  const memory = host.memory;
  const globals = shape.globals.map((global, i) => valueOf(instance, global, i));
  const replaced = new Map<number, Section[]>([
    [SECTION.global, [globalSection(shape.globals, globals)]],
    [SECTION.export, [exportSection(exportsAfter(shape.exports))]],
    [SECTION.start, []],
    [SECTION.data, []],
    [SECTION.dataCount, []],
  ]);
  return { wasm: rewritten(sections, replaced, shape, memory), log: host.log };
}

function initialisersOf(shape: ModuleShape): string[] {
  const has = (name: string): boolean =>
    shape.exports.some((item) => item.name === name && item.kind === EXTERNAL.function);
  const names = [CONSTRUCTORS, ...INITIALISERS.filter(has).slice(0, 1)].filter(has);
  if (names.length > 0) return names;
  const wanted = [CONSTRUCTORS, ...INITIALISERS].join(', ');
  throw new SnapshotRefusal(`it exports none of ${wanted}, which is what would be captured`);
}

function refuse(shape: ModuleShape): void {
  const shared = shape.imports.find((item) => item.kind !== EXTERNAL.function);
  if (shared !== undefined) {
    throw new SnapshotRefusal(`it imports ${shared.name}, which is no function`);
  }
  if (shape.hasPassiveData) {
    throw new SnapshotRefusal(
      'it has passive data, which it may have dropped; link without threads',
    );
  }
  if (shape.globals.some(({ type, isMutable }) => isMutable && type === TYPE.v128)) {
    throw new SnapshotRefusal('it has a global of type v128 that changes');
  }
}

/** The module with everything exported that must be seen, and its start function to be called. */
function opened(sections: readonly Section[], shape: ModuleShape): Buffer {
  const extra: ExportShape[] = [];
  shape.globals.forEach(({ isMutable }, index) => {
    if (isMutable) extra.push({ name: `${OWN}global_${index}`, kind: EXTERNAL.global, index });
  });
  for (let index = 0; index < shape.tables; index += 1) {
    extra.push({ name: `${OWN}table_${index}`, kind: EXTERNAL.table, index });
  }
  if (shape.memories.length > 0) {
    extra.push({ name: `${OWN}memory`, kind: EXTERNAL.memory, index: 0 });
  }
  const { start } = shape;
  if (start !== undefined) {
    extra.push({ name: `${OWN}start`, kind: EXTERNAL.function, index: start });
  }
  const exports = exportSection([...shape.exports, ...extra]);
  return writeModule(
    sections
      .filter(({ id }) => id !== SECTION.start)
      .map((section) => (section.id === SECTION.export ? exports : section)),
  );
}

function instantiate(wasm: Buffer, host: BuildHost): WebAssembly.Instance {
  let module: WebAssembly.Module;
  try {
    module = new WebAssembly.Module(wasm);
  } catch (error) {
    const reason = (error as Error).message.replace(/^WebAssembly\.Module\(\): /, '');
    throw new RangeError(reason, { cause: error });
  }
  const instance = new WebAssembly.Instance(module, host.importsFor(module));
  host.memory = instance.exports[`${OWN}memory`] as WebAssembly.Memory | undefined;
  return instance;
}

function run(instance: WebAssembly.Instance, names: readonly string[], host: BuildHost): void {
  for (const name of names) {
    try {
      (instance.exports[name] as () => void)();
    } catch (error) {
      if (error instanceof SnapshotRefusal) throw error;
      const said = host.log.trim();
      const reason = error instanceof Error ? error.message : String(error);
      throw new SnapshotRefusal(`${name} traps: ${reason}${said === '' ? '' : `\n${said}`}`);
    }
  }
}

function tablesOf(instance: WebAssembly.Instance, shape: ModuleShape): unknown[][] {
  return Array.from({ length: shape.tables }, (_, index) => {
    const table = instance.exports[`${OWN}table_${index}`] as WebAssembly.Table;
    return Array.from({ length: table.length }, (__, i) => table.get(i));
  });
}

function compareTables(before: readonly unknown[][], after: readonly unknown[][]): void {
  before.forEach((entries, index) => {
    const now = after[index] ?? [];
    if (now.length !== entries.length) {
      throw new SnapshotRefusal(`it grows table ${index} while it starts`);
    }
    if (entries.some((entry, i) => entry !== now[i])) {
      throw new SnapshotRefusal(`it changes table ${index} while it starts`);
    }
  });
}

/** undefined: it is what it was. */
function valueOf(
  instance: WebAssembly.Instance,
  global: GlobalShape,
  index: number,
): number | bigint | undefined {
  if (!global.isMutable) return undefined;
  const item = instance.exports[`${OWN}global_${index}`] as WebAssembly.Global;
  const value = item.value;
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  if (value === null) return undefined;
  throw new SnapshotRefusal(`global ${index} holds a reference after it has started`);
}

function exportsAfter(exports: readonly ExportShape[]): ExportShape[] {
  const resume = exports.find(({ name }) => RESUME.includes(name));
  const gone = new Set([CONSTRUCTORS, ...INITIALISERS, ...RESUME]);
  if (resume !== undefined) gone.add('_start');
  const kept = exports.filter(({ name }) => !gone.has(name));
  return resume === undefined ? kept : [...kept, { ...resume, name: '_start' }];
}

function exportSection(exports: readonly ExportShape[]): Section {
  const writer = new Writer().u32(exports.length);
  for (const { name, kind, index } of exports) writer.name(name).bytes([kind]).u32(index);
  return { id: SECTION.export, body: writer.take() };
}

/** Data comes after the code, its count before it; custom sections stay where they are. */
function rewritten(
  sections: readonly Section[],
  replaced: ReadonlyMap<number, readonly Section[]>,
  shape: ModuleShape,
  memory: WebAssembly.Memory | undefined,
): Buffer {
  const written = memory === undefined ? undefined : memorySections(memory, shape);
  const hasCount = sections.some(({ id }) => id === SECTION.dataCount);
  const out: Section[] = [];
  for (const section of sections) {
    if (section.id === SECTION.memory && written !== undefined) out.push(written.memory);
    else if (section.id === SECTION.dataCount && written !== undefined) out.push(written.count);
    else out.push(...(replaced.get(section.id) ?? [section]));
    if (section.id === CODE && written !== undefined) out.push(written.data);
  }
  if (written !== undefined && !hasCount && !sections.some(({ id }) => id === CODE)) {
    out.push(written.data);
  }
  return writeModule(out);
}

const CODE = 10;
