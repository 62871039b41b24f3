/** The parts of a zod schema that are read here; plugins may bring another copy of zod. */
export interface SchemaNode {
  readonly def?: {
    readonly type?: string;
    readonly innerType?: SchemaNode;
    readonly in?: SchemaNode;
    readonly element?: SchemaNode;
    readonly shape?: Readonly<Record<string, SchemaNode>>;
    readonly options?: readonly SchemaNode[];
    readonly items?: readonly SchemaNode[];
    readonly valueType?: SchemaNode;
  };
}

/** The schemas that may stand at `node` itself, without defaults, optionals and unions around. */
export function alternatives(node: SchemaNode | undefined): SchemaNode[] {
  const def = node?.def;
  if (node === undefined || def === undefined) return [];
  if (def.type === 'union') return (def.options ?? []).flatMap((option) => alternatives(option));
  const inner = def.innerType ?? def.in;
  return inner === undefined ? [node] : alternatives(inner);
}

/** The schemas one step below, for a key or an index. */
export function child(nodes: readonly SchemaNode[], key: PropertyKey): SchemaNode[] {
  return nodes.flatMap(({ def }) => {
    if (def?.shape !== undefined) return alternatives(def.shape[String(key)]);
    if (def?.type === 'record') return alternatives(def.valueType);
    if (def?.items !== undefined) return alternatives(def.items[Number(key)]);
    return alternatives(def?.element);
  });
}

/** The schemas at a path. */
export function at(schema: SchemaNode, path: readonly PropertyKey[]): SchemaNode[] {
  let nodes = alternatives(schema);
  for (const key of path) nodes = child(nodes, key);
  return nodes;
}

/** Every key that may be written at these nodes. */
export function keysOf(nodes: readonly SchemaNode[]): string[] {
  return [...new Set(nodes.flatMap(({ def }) => Object.keys(def?.shape ?? {})))];
}
