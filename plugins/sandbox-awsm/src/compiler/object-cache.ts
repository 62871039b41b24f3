import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { contentOf, sealAndMove, sha256 } from './cache';

/**
 * Objects of large modules, by the C that they come from: a module that differs from another in
 * its data only, as all JavaScript functions do, compiles next to nothing. A cache that cannot be
 * read or written only costs time.
 */
export class ObjectCache {
  private readonly directory: string;

  /** @param context what the C of every chunk means: compiler, flags, digest of the header */
  constructor(
    cacheDirectory: string,
    private readonly context: readonly string[],
  ) {
    this.directory = join(cacheDirectory, 'objects');
  }

  /** Puts the object of the C with this digest to `place`; false when there is none. */
  async take(digest: string, place: string): Promise<boolean> {
    try {
      const content = contentOf(await readFile(this.path(digest)));
      if (content === undefined) return false;
      await writeFile(place, content);
      return true;
    } catch {
      return false;
    }
  }

  async keep(digest: string, place: string): Promise<void> {
    const copy = `${place}.kept`;
    try {
      await mkdir(this.directory, { recursive: true });
      await copyFile(place, copy);
      await sealAndMove(copy, this.path(digest));
    } catch {
      await rm(copy, { force: true });
    }
  }

  private path(digest: string): string {
    return join(this.directory, `${sha256(...this.context, digest)}.o`);
  }
}
