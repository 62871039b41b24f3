import { type FSWatcher, readdirSync, watch } from 'node:fs';
import path from 'node:path';

/** Editors save in several steps. */
const QUIET_MS = 80;
const FOLDERS_MAX = 512;
const SOURCES = /\.(c|cc|cpp|h|hpp|rs|wat|json|yaml|[cm]?[jt]s)$/;
const NOT_SOURCES = /^(\..*|node_modules|dist|build|target)$/;

/**
 * Calls back when a source below a folder was saved; never twice at the same time. Folders are
 * watched, since editors replace files, and Node's recursive watch loses those. Main thread.
 */
export class SourceWatch {
  readonly #folders = new Map<string, FSWatcher>();
  #timer: NodeJS.Timeout | undefined;
  #isRunning = false;
  #isSaved = false;
  #isClosed = false;

  constructor(
    private readonly folder: string,
    private readonly onSaved: () => Promise<void>,
  ) {
    this.#refresh();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const folder of this.#folders.keys()) this.#leave(folder);
  }

  #refresh(): void {
    if (this.#isClosed) return;
    const wanted = foldersBelow(this.folder);
    for (const folder of this.#folders.keys()) if (!wanted.has(folder)) this.#leave(folder);
    for (const folder of wanted) if (!this.#folders.has(folder)) this.#enter(folder);
  }

  #enter(folder: string): void {
    try {
      const watcher = watch(folder, (_event, name) => this.#onEvent(name));
      watcher.on('error', () => this.#leave(folder));
      this.#folders.set(folder, watcher);
    } catch {
      return; // it has gone again
    }
  }

  #leave(folder: string): void {
    this.#folders.get(folder)?.close();
    this.#folders.delete(folder);
  }

  /** What has no extension may be a new folder. */
  #onEvent(name: string | null): void {
    if (name === null || NOT_SOURCES.test(name)) return;
    if (path.extname(name) === '') this.#refresh();
    if (!SOURCES.test(name)) return;
    this.#isSaved = true;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isRunning || this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#run(), QUIET_MS);
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    this.#isSaved = false;
    await this.onSaved();
    this.#isRunning = false;
    this.#refresh();
    if (this.#isSaved) this.#schedule();
  }
}

function foldersBelow(folder: string): Set<string> {
  const found = new Set([folder]);
  for (const each of found) {
    if (found.size >= FOLDERS_MAX) break;
    for (const name of foldersIn(each)) found.add(path.join(each, name));
  }
  return found;
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !NOT_SOURCES.test(entry.name))
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}
