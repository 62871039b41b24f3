import type { Logger } from 'pino';
import type { RegistryEntry } from '../contracts/registry';
import type { SledgeError } from '../errors/sledge-error';
import { asSledgeError } from '../functions/build-functions';
import { kindOfKey, parseEntry } from './entries';
import type { ClusterEntry, EntryKind } from './entries';

/** What a machine does with an entry of the registry. Each rejects when it cannot. */
export interface Adopter {
  adopt(entry: ClusterEntry, signal: AbortSignal): Promise<void>;
  /** What a key brought here goes again. */
  remove(key: string, kind: EntryKind): Promise<void>;
  /** Keys that this machine has taken over, also in an earlier life. */
  readonly owned: ReadonlySet<string>;
}

/** What this machine could not take over; what it had before serves on. */
export interface Failure {
  readonly key: string;
  readonly revision: number;
  readonly code: string;
  readonly message: string;
}

interface Wanted {
  readonly entry: RegistryEntry;
  readonly stop: AbortController;
  attempts: number;
}

const LOST_TOLD = 10;
const RETRY_MS = 1000;
const RETRY_MS_MAX = 300_000;
const MESSAGE_CHARS_MAX = 300;

/**
 * Brings one machine to what the registry says: the newest revision of each key, tenants before
 * their functions, several at once. What fails is tried again, ever more rarely, and stands in the
 * failures until it is well or another revision comes. Main thread.
 */
export class Convergence {
  /** Tenants and policies, which functions may need. */
  private readonly first = new Map<string, Wanted>();
  private readonly functions = new Map<string, Wanted>();
  private readonly running = new Map<string, Wanted>();
  private readonly done = new Map<string, number>();
  private readonly failed = new Map<string, Failure & { wanted: Wanted; timer: NodeJS.Timeout }>();
  private seen = 0;
  private epoch: string | undefined;
  private isOver = false;

  /**
   * @param parallel entries that are taken over at once.
   * @param onSettled nothing is left to do but what failed, or something has just failed.
   */
  constructor(
    private readonly adopter: Adopter,
    private readonly logger: Logger,
    private readonly parallel: number,
    private readonly onSettled: () => void,
  ) {}

  /** Everything that there is. What is missing was lost by the registry, and is kept here. */
  all(entries: readonly RegistryEntry[], epoch: string): void {
    if (this.epoch !== undefined && this.epoch !== epoch) this.forget();
    this.epoch = epoch;
    const there = new Set(entries.map(({ key }) => key));
    for (const entry of entries) this.enqueue(entry);
    const lost = [...this.adopter.owned].filter((key) => !there.has(key));
    if (lost.length > 0) {
      const keys = lost.slice(0, LOST_TOLD);
      const message = `the registry has lost ${lost.length} entries; they are served on here`;
      this.logger.error({ keys, count: lost.length }, message);
    }
    this.pump();
    this.onSettled();
  }

  /** Revisions begin again. */
  private forget(): void {
    for (const { stop } of this.running.values()) stop.abort();
    for (const key of [...this.failed.keys()]) this.forgetFailure(key);
    for (const map of [this.first, this.functions, this.done]) map.clear();
    this.seen = 0;
  }

  one(entry: RegistryEntry): void {
    this.enqueue(entry);
    this.pump();
  }

  /** The newest revision up to which nothing is left to do; what failed counts as done. */
  get revision(): number {
    let least = this.seen;
    for (const open of [this.first, this.functions, this.running]) {
      for (const { entry } of open.values()) least = Math.min(least, entry.revision - 1);
    }
    return least;
  }

  /** Entries that are being taken over, or wait for it. */
  get pending(): number {
    return this.first.size + this.functions.size + this.running.size;
  }

  failures(): Failure[] {
    return [...this.failed.values()].map(({ key, revision, code, message }) => ({
      ...{ key, revision, code, message },
    }));
  }

  /** Takes nothing over any more; what is under way is stopped. */
  close(): void {
    this.isOver = true;
    for (const { stop } of this.running.values()) stop.abort();
    for (const { timer } of this.failed.values()) clearTimeout(timer);
    this.first.clear();
    this.functions.clear();
  }

  private queueOf(key: string): Map<string, Wanted> {
    return kindOfKey(key) === 'function' ? this.functions : this.first;
  }

  private enqueue(entry: RegistryEntry): void {
    const { key, revision } = entry;
    const todo = this.queueOf(key);
    const running = this.running.get(key);
    this.seen = Math.max(this.seen, revision);
    const newest = Math.max(
      this.done.get(key) ?? -1,
      this.failed.get(key)?.revision ?? -1,
      todo.get(key)?.entry.revision ?? -1,
      running?.stop.signal.aborted === false ? running.entry.revision : -1,
    );
    const isGone = entry.value === undefined && this.adopter.owned.has(key);
    if (revision < newest || (revision === newest && !isGone)) return;
    if (entry.value === undefined && !isGone && !this.failed.has(key) && !this.running.has(key)) {
      todo.delete(key);
      this.done.delete(key);
      return;
    }
    this.forgetFailure(key);
    // what is being built for an older revision is of no use any more
    running?.stop.abort();
    todo.set(key, { entry, stop: new AbortController(), attempts: 0 });
  }

  private pump(): void {
    while (!this.isOver && this.running.size < this.parallel) {
      const next = this.next();
      if (next === undefined) break;
      const { key } = next.entry;
      this.queueOf(key).delete(key);
      this.running.set(key, next);
      void this.run(next).finally(() => {
        this.running.delete(key);
        this.pump();
        if (this.pending === 0 || this.failed.has(key)) this.onSettled();
      });
    }
  }

  /** Functions wait until nothing else is under way. */
  private next(): Wanted | undefined {
    const ofFirst = this.freeOf(this.first);
    if (ofFirst !== undefined || this.first.size > 0) return ofFirst;
    for (const key of this.running.keys()) {
      if (kindOfKey(key) !== 'function') return undefined;
    }
    return this.freeOf(this.functions);
  }

  private freeOf(waiting: ReadonlyMap<string, Wanted>): Wanted | undefined {
    for (const one of waiting.values()) if (!this.running.has(one.entry.key)) return one;
    return undefined;
  }

  private async run(wanted: Wanted): Promise<void> {
    const { entry, stop } = wanted;
    const { key, revision, value } = entry;
    try {
      if (value === undefined) {
        const kind = kindOfKey(key);
        if (kind !== undefined) await this.adopter.remove(key, kind);
        this.done.delete(key);
        return;
      }
      const parsed = parseEntry(entry);
      await this.adopter.adopt(parsed, stop.signal);
      if (stop.signal.aborted) return;
      this.done.set(key, revision);
      if (parsed.kind === 'tenant') this.retryFailed();
    } catch (error) {
      if (!stop.signal.aborted && !this.isOver) this.fail(wanted, asSledgeError(error));
    }
  }

  private fail(wanted: Wanted, error: SledgeError): void {
    const { key, revision } = wanted.entry;
    const message = error.message.slice(0, MESSAGE_CHARS_MAX);
    const { code } = error;
    const level = wanted.attempts === 0 ? 'error' : 'debug';
    this.logger[level]({ code, key, revision, solve: error.solve }, `not taken over: ${message}`);
    const waitMs = Math.min(RETRY_MS * 2 ** wanted.attempts, RETRY_MS_MAX);
    const timer = setTimeout(() => this.again(key), waitMs).unref();
    this.forgetFailure(key);
    this.failed.set(key, { key, revision, code, message, wanted, timer });
  }

  private again(key: string): void {
    const failure = this.failed.get(key);
    const todo = this.queueOf(key);
    if (failure === undefined || todo.has(key) || this.running.has(key)) return;
    this.forgetFailure(key);
    const { entry, attempts } = failure.wanted;
    todo.set(key, { entry, stop: new AbortController(), attempts: attempts + 1 });
    this.pump();
  }

  /** A tenant that has come may be what they lacked. */
  private retryFailed(): void {
    for (const [key] of [...this.failed]) {
      if (kindOfKey(key) === 'function') this.again(key);
    }
  }

  private forgetFailure(key: string): void {
    clearTimeout(this.failed.get(key)?.timer);
    this.failed.delete(key);
  }
}
