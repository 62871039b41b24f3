/** How a module is called: by its handler, which may be called again, or as a command. */
export interface Entry {
  /** What an instance begins with. */
  readonly first: readonly string[];
  readonly call: '_start' | 'sledge_handle';
}

const known = new WeakMap<WebAssembly.Module, Entry>();

/** undefined: it has neither. */
export function entryOf(module: WebAssembly.Module): Entry | undefined {
  const entry = known.get(module) ?? readEntry(module);
  if (entry !== undefined) known.set(module, entry);
  return entry;
}

function readEntry(module: WebAssembly.Module): Entry | undefined {
  const names = new Set(
    WebAssembly.Module.exports(module)
      .filter(({ kind }) => kind === 'function')
      .map(({ name }) => name),
  );
  if (names.has('sledge_handle')) {
    const first = ['_initialize', 'sledge_init'].filter((name) => names.has(name));
    return { first, call: 'sledge_handle' };
  }
  return names.has('_start') ? { first: [], call: '_start' } : undefined;
}
