import { child } from './schema-walk';
import type { SchemaNode } from './schema-walk';

/**
 * Text as the type that the schema wants there; text that is of no such type stays text, so that
 * validation says what was expected. Without a schema (plugin options) JSON decides.
 */
export function coerce(text: string, nodes: readonly SchemaNode[]): unknown {
  const parsed = parseOrUndefined(text);
  if (nodes.length === 0) return parsed === undefined ? text : parsed;
  const types = new Set(nodes.map(({ def }) => def?.type));
  if (typeof parsed === 'number') {
    if (types.has('number')) return parsed;
    return types.has('array') ? [parsed] : text;
  }
  if (typeof parsed === 'boolean') return types.has('boolean') ? parsed : text;
  if (typeof parsed === 'object' && parsed !== null) return parsed;
  if (types.has('array') && (types.size === 1 || text.includes(','))) {
    return text.split(',').map((part) => coerce(part.trim(), child(nodes, 0)));
  }
  return typeof parsed === 'string' ? parsed : text;
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
