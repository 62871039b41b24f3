// Where things are, for all scripts.
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

/** The checkout, without a trailing slash. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
export const CACHE = join(ROOT, '.cache');
export const inRoot = (...parts) => join(ROOT, ...parts);
