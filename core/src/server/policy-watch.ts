import { type FSWatcher, watch } from 'node:fs';
import path from 'node:path';
import type { Logger } from 'pino';
import { reasonOf } from '../errors/reason';
import { asSledgeError } from '../functions/build-functions';
import type { PolicyFile } from './server-policies';

/** Editors save in several steps. */
const QUIET_MS = 100;
/** A file that never comes to rest is read all the same. */
const QUIET_MAX_MS = 1000;
const CODE = /\.[cm]?[tj]s$/;
/** An absolute path with a line, and perhaps a column. */
const PLACE = /(\/[^():\n]+):(\d+(?::\d+)?)/g;

export interface WatchedPolicies {
  /** Those that are to be watched now. */
  files(): PolicyFile[];
  /** Takes this one anew from its file, or rejects and leaves the one before. */
  renew(key: string): Promise<void>;
}

interface Watched {
  policy: PolicyFile;
  files: ReadonlySet<string>;
  /** It did not load: what it misses may come with any code in its folders. */
  isBroken: boolean;
}

/**
 * Takes policies anew when their files, or files that these import, are saved. Folders are watched,
 * since editors replace files. What does not load is said once for each save, and the policy before
 * stays. Main thread.
 */
export class PolicyWatch {
  private readonly folders = new Map<string, FSWatcher>();
  private watched = new Map<string, Watched>();
  private readonly saved = new Set<string>();
  private firstSavedMs: number | undefined;
  private timer: NodeJS.Timeout | undefined;
  private isRenewing = false;
  private isClosed = false;

  constructor(
    private readonly policies: WatchedPolicies,
    private readonly logger: Logger,
  ) {
    this.refresh();
  }

  /** Every file that is watched now, sorted. */
  files(): string[] {
    return [...new Set([...this.watched.values()].flatMap(({ files }) => [...files]))].sort();
  }

  /** To be called when a policy has been exchanged: its successor's files are watched then. */
  refresh(): void {
    if (this.isClosed) return;
    const now = new Map<string, Watched>();
    for (const policy of this.policies.files()) {
      const before = this.watched.get(policy.key);
      const isBroken = before?.isBroken === true;
      const files = new Set(isBroken ? [...policy.files, ...before.files] : policy.files);
      now.set(policy.key, { policy, files, isBroken });
    }
    this.watched = now;
    const wanted = new Set(this.files().map((file) => path.dirname(file)));
    for (const folder of this.folders.keys()) if (!wanted.has(folder)) this.leave(folder);
    for (const folder of wanted) if (!this.folders.has(folder)) this.enter(folder);
  }

  /** Nothing is taken anew from here on. */
  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
    for (const folder of this.folders.keys()) this.leave(folder);
  }

  private enter(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        if (name !== null) this.onSaved(path.join(folder, name));
      });
      watcher.on('error', () => this.leave(folder));
      this.folders.set(folder, watcher);
    } catch (error) {
      this.logger.warn(`${folder} cannot be watched: ${reasonOf(error)}`);
    }
  }

  private leave(folder: string): void {
    this.folders.get(folder)?.close();
    this.folders.delete(folder);
  }

  private onSaved(file: string): void {
    const folder = CODE.test(file) ? path.dirname(file) : undefined;
    for (const [key, { files, isBroken }] of this.watched) {
      const isBeside = isBroken && [...files].some((one) => path.dirname(one) === folder);
      if (isBeside || files.has(file)) this.saved.add(key);
    }
    if (this.saved.size > 0) this.schedule();
  }

  private schedule(): void {
    if (this.isRenewing || this.isClosed) return;
    const nowMs = performance.now();
    this.firstSavedMs ??= nowMs;
    const waitMs = Math.min(QUIET_MS, this.firstSavedMs + QUIET_MAX_MS - nowMs);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.renew(), Math.max(waitMs, 0)).unref();
  }

  private async renew(): Promise<void> {
    this.isRenewing = true;
    this.firstSavedMs = undefined;
    const keys = [...this.saved];
    this.saved.clear();
    for (const key of keys) await this.renewOne(key);
    this.isRenewing = false;
    this.refresh();
    if (this.saved.size > 0) this.schedule();
  }

  private async renewOne(key: string): Promise<void> {
    const watched = this.watched.get(key);
    if (watched === undefined) return;
    const { place, source } = watched.policy.reference;
    try {
      await this.policies.renew(key);
      watched.isBroken = false;
      this.logger.info({ place }, `${String(source)} was saved: it decides from now on`);
    } catch (error) {
      watched.isBroken = true;
      this.refresh();
      if (this.isClosed) return;
      const { code, message } = asSledgeError(error);
      const at = placeIn(error, this.watched.get(key)?.files ?? watched.files);
      const said = `${String(source)} was saved and is not taken, the policy before stays`;
      this.logger.error({ code, place, at }, `${said}: ${inOneLine(message)}`);
    }
  }
}

function inOneLine(message: string): string {
  return message.replace(/\nRequire stack:[^]*/, '').replace(/\s*\n\s*/g, ' ');
}

/** `file:line:column` in one of the files where an error, or what caused it, was thrown. */
function placeIn(error: unknown, files: ReadonlySet<string>): string | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    for (const [, file = '', line] of (at.stack ?? '').matchAll(PLACE)) {
      if (files.has(file)) return `${file}:${line}`;
    }
  }
  return undefined;
}
