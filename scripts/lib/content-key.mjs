// Content keys: a step runs again only when one of its inputs has changed.
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { CACHE, ROOT } from './paths.mjs';

const SKIPPED = new Set(['node_modules', 'dist', 'build', '.cache', '.git', '.sledge', 'coverage']);

/** Files below a folder of the checkout, sorted, as paths relative to the root. */
export function filesBelow(folder, accepts) {
  const found = [];
  const walk = (relative) => {
    const absolute = join(ROOT, relative);
    if (!existsSync(absolute)) return;
    for (const entry of readdirSync(absolute, { withFileTypes: true })) {
      const path = join(relative, entry.name);
      if (entry.isDirectory()) {
        if (!SKIPPED.has(entry.name) && !entry.name.startsWith('.build-')) walk(path);
      } else if (entry.isFile() && accepts(path)) {
        found.push(path);
      }
    }
  };
  walk(folder);
  return found.sort();
}

/** sha256 over the names and bytes of files (those that exist) and over further words. */
export function contentKey(files, words = []) {
  const hash = createHash('sha256');
  for (const word of words) hash.update(`${word}\0`);
  for (const file of files) {
    const path = join(ROOT, file);
    if (!existsSync(path)) continue;
    hash.update(`${file}\0`);
    hash.update(createHash('sha256').update(readFileSync(path)).digest());
  }
  return hash.digest('hex');
}

const stampPath = (name) => join(CACHE, 'stamps', name);

export function stampMatches(name, key) {
  try {
    return readFileSync(stampPath(name), 'utf8') === key;
  } catch {
    return false;
  }
}

export function writeStamp(name, key) {
  const path = stampPath(name);
  mkdirSync(dirname(path), { recursive: true });
  const partial = `${path}.${process.pid}`;
  writeFileSync(partial, key);
  renameSync(partial, path);
}
