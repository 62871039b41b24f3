import { reasonOf } from '../errors/reason';
import { SledgeError } from '../errors/sledge-error';

const DEPTH_MAX = 100;

/**
 * A copy of a configuration that overrides may write into: they must not reach a user's module.
 * Plugin objects stay what they are, and what is undefined is left out.
 * @throws SledgeError SLEDGE_ERR_CONFIG_UNREADABLE for what has no end, or a getter that throws.
 */
export function copyOf(value: unknown, file: string): unknown {
  try {
    return copy(value, 0);
  } catch (error) {
    const details = { path: file, reason: reasonOf(error) };
    throw new SledgeError('SLEDGE_ERR_CONFIG_UNREADABLE', details, { cause: error });
  }
}

function copy(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth > DEPTH_MAX) throw new Error(`it is nested deeper than ${DEPTH_MAX} levels.`);
  if (Array.isArray(value)) return value.map((inner) => copy(inner, depth + 1));
  if ('create' in value) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(entries.map(([key, inner]) => [key, copy(inner, depth + 1)]));
}
