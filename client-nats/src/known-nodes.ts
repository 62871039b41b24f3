import type { NatsAnswer } from './answer';

const NODES_MAX = 1_024;
const FRESH_MS = 5_000;

/** What answers have said of their nodes, for whom to ask next. */
export class KnownNodes {
  readonly #byName = new Map<string, { waitUs: number; atMs: number }>();

  note({ node, load }: NatsAnswer): void {
    if (node === '' || load === undefined) return;
    if (this.#byName.size >= NODES_MAX) this.#byName.clear();
    this.#byName.set(node, { waitUs: load.waitUs, atMs: performance.now() });
  }

  /** It does not answer under its name. */
  forget(node: string): void {
    this.#byName.delete(node);
  }

  /** With the shortest wait, of those heard of lately; undefined: nobody else is known. */
  leastLoaded(except: ReadonlySet<string>): string | undefined {
    const oldestMs = performance.now() - FRESH_MS;
    let best: string | undefined;
    let bestUs = Infinity;
    for (const [name, { waitUs, atMs }] of this.#byName) {
      if (except.has(name) || atMs < oldestMs || waitUs >= bestUs) continue;
      best = name;
      bestUs = waitUs;
    }
    return best;
  }
}
