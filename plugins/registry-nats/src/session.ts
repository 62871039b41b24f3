import type { KvWatchEntry } from '@nats-io/kv';
import type { NodeMessage, RegistryEntry, RegistryListener } from '@sledge/core';
import { type Buckets, valueOf } from './buckets';

const NODES_MAX = 4096;
/** A watch that has stopped without a word is found so late, and twice that. */
const CHECK_MS = 2000;
/** After so many checks nothing more is awaited of what nodes had said before. */
const HEARD_CHECKS = 3;

/**
 * One connection's look at the buckets: everything, then each change, until it is ended or
 * something is wrong. It is never mended; the next one begins with everything again.
 */
export class Session {
  readonly #nodes = new Map<string, NodeMessage>();
  readonly #watches: { stop(): void }[] = [];
  #collected: RegistryEntry[] | undefined = [];
  #lastRevision = 0;
  /** Of the bucket when it began: what was removed or purged since then never comes. */
  #floor = 0;
  #behindAt = -1;
  #timer: NodeJS.Timeout | undefined;
  #isChecking = false;
  #checks = 0;
  #isOver = false;
  /** Nodes of which nothing has come yet, though they had spoken when it began. */
  #unheard = Infinity;

  /** @param onBroken called once at most, and never after `end`. */
  constructor(
    readonly buckets: Buckets,
    private readonly listener: Pick<RegistryListener, 'onAll' | 'onChange'>,
    private readonly onBroken: (reason: string) => void,
  ) {}

  /** Resolves when it watches; what there is comes a little later. */
  async begin(): Promise<void> {
    const { entries, nodes } = this.buckets;
    const { messages, epoch, lastRevision } = await this.buckets.state();
    this.#unheard = await this.buckets.spoken();
    const watch = await entries.watch();
    const nodeWatch = await nodes.watch();
    this.#watches.push(watch, nodeWatch);
    if (this.#isOver) return this.end();
    this.#floor = lastRevision;
    if (messages === 0) this.#all(epoch);
    this.#follow(watch, (entry) => this.#onEntry(entry, epoch));
    this.#follow(nodeWatch, (entry) => this.#onNode(entry));
    this.#timer = setInterval(() => void this.#check(), CHECK_MS).unref();
  }

  /** All that nodes had said when it began has come. */
  get hasHeardNodes(): boolean {
    return this.#unheard <= 0;
  }

  /** What nodes said and have not taken back, without those that are forgotten. */
  nodes(ttlMs: number): NodeMessage[] {
    const all = [...this.#nodes.values()];
    const newestMs = Math.max(...all.map(({ atMs }) => atMs));
    return all.filter(({ atMs }) => newestMs - atMs <= ttlMs);
  }

  end(): void {
    this.#isOver = true;
    clearInterval(this.#timer);
    for (const watch of this.#watches) watch.stop();
  }

  #follow(watch: AsyncIterable<KvWatchEntry>, onEntry: (entry: KvWatchEntry) => void): void {
    const run = async (): Promise<string> => {
      for await (const entry of watch) {
        if (this.#isOver) break;
        onEntry(entry);
      }
      return 'a watch has ended';
    };
    run().then(
      (reason) => this.#break(reason),
      (error: unknown) => this.#break(String(error)),
    );
  }

  #onEntry(entry: KvWatchEntry, epoch: string): void {
    const { key, revision } = entry;
    this.#lastRevision = Math.max(this.#lastRevision, revision);
    const seen = { key, revision, value: valueOf(entry) };
    if (this.#collected === undefined) return this.listener.onChange(seen);
    this.#collected.push(seen);
    if (entry.isUpdate) this.#all(epoch);
  }

  #all(epoch: string): void {
    const entries = this.#collected ?? [];
    this.#collected = undefined;
    this.#lastRevision = Math.max(this.#lastRevision, this.#floor);
    this.listener.onAll(entries, epoch);
  }

  #onNode(entry: KvWatchEntry): void {
    const { key: node, created } = entry;
    const text = valueOf(entry);
    this.#unheard -= 1;
    this.#nodes.delete(node);
    if (text === undefined) return;
    this.#nodes.set(node, { node, text, atMs: created.getTime() });
    for (const oldest of this.#nodes.keys()) {
      if (this.#nodes.size <= NODES_MAX) break;
      this.#nodes.delete(oldest);
    }
  }

  /** Nothing has come for two turns though there is something. */
  async #check(): Promise<void> {
    if (this.#isChecking) return;
    this.#isChecking = true;
    this.#checks += 1;
    if (this.#checks >= HEARD_CHECKS) this.#unheard = 0; // some were forgotten meanwhile
    try {
      const { lastRevision } = await this.buckets.state();
      const seen = this.#lastRevision;
      const isBehind = lastRevision > seen;
      if (isBehind && this.#behindAt === seen) this.#break('a watch has missed changes');
      this.#behindAt = isBehind ? seen : -1;
    } catch {
      // whether it is away says the connection
    } finally {
      this.#isChecking = false;
    }
  }

  #break(reason: string): void {
    if (this.#isOver) return;
    this.end();
    this.onBroken(reason);
  }
}
