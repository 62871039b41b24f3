import { statSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';

const LOOK_EVERY_MS = 500;

interface Watched {
  readonly files: readonly string[];
  readonly onChange: () => void;
  /** As it was when `onChange` was last called. */
  known: string;
  /** As the look before saw it. */
  seen: string | undefined;
}

/**
 * Looks at a few files and tells when they are others than before. By looking, not by inotify: a
 * mounted secret changes through links of links, and half a second is soon enough. A change counts
 * once two looks have seen the same, so that a file is rarely read half written. Main thread.
 */
export class FileWatch {
  readonly #watched = new Set<Watched>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  /** @param onChange must not throw. @returns ends it. */
  watch(files: readonly string[], onChange: () => void): () => void {
    const known = files.map(fingerprintNow).join('\n');
    const one: Watched = { files, onChange, known, seen: undefined };
    this.#watched.add(one);
    this.#timer ??= setInterval(() => void this.look(), LOOK_EVERY_MS).unref();
    void this.look();
    return () => {
      this.#watched.delete(one);
      if (this.#watched.size === 0) this.close();
    };
  }

  /** Everything is read again now, whatever it looks like. */
  refresh(): void {
    for (const { onChange } of this.#watched) onChange();
  }

  /** One look at all of them; a second one while it goes on is the same. */
  look(): Promise<void> {
    this.#looking ??= this.#lookAtAll().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#watched.clear();
  }

  async #lookAtAll(): Promise<void> {
    for (const one of this.#watched) {
      const now = (await Promise.all(one.files.map(fingerprint))).join('\n');
      const isOther = now !== one.known && now === one.seen;
      one.seen = now;
      if (!isOther || !this.#watched.has(one)) continue;
      one.known = now;
      one.onChange();
    }
  }
}

async function fingerprint(file: string): Promise<string> {
  try {
    return textOf(await stat(file, { bigint: true }));
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

function fingerprintNow(file: string): string {
  try {
    return textOf(statSync(file, { bigint: true }));
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

function textOf({ dev, ino, size, mode, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mode}:${mtimeNs}:${ctimeNs}`;
}
