/** A configuration as written, before any of it is known to have its shape. */
export type Fields = Readonly<Record<string, unknown>>;

/** `value` when it is an object, else an empty one. */
export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}

/** The list at a key, each entry as fields; empty when there is none. */
export function listAt(value: unknown, key: string): Fields[] {
  const list = fieldsOf(value)[key];
  return Array.isArray(list) ? list.map(fieldsOf) : [];
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}
