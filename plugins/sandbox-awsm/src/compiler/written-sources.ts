import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheError, sha256 } from './cache';
import type { LoweredModule } from './lower';

/** A lowered module in a folder, where the compiler finds it. */
export interface WrittenSources {
  readonly headerDigest: string;
  /** C files to compile, without paths, and what is in each. */
  readonly sources: readonly { readonly name: string; readonly digest: string }[];
}

/**
 * Any thread: the text of a large module is some hundred megabytes, and stays where it was made.
 * @throws SledgeError SLEDGE_ERR_BUILD_CACHE.
 */
export async function writeSources(
  directory: string,
  { header, data, sources }: LoweredModule,
): Promise<WrittenSources> {
  try {
    await writeFile(join(directory, 'module.h'), header);
    await writeFile(join(directory, 'data.bin'), data);
    for (const { name, text } of sources) await writeFile(join(directory, name), text);
  } catch (error) {
    throw cacheError(directory, error);
  }
  return {
    headerDigest: sha256(header),
    sources: sources.map(({ name, text }) => ({ name, digest: sha256(text) })),
  };
}
