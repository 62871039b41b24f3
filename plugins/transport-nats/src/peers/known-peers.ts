import type { PeerReport } from '@sledge/core';
import type { NodeLoad } from '@sledge/nats-connection';

const NS_PER_US = 1_000;
const NS_PER_MS = 1_000_000;
/** Of the latest measurement of the network. */
const WEIGHT = 1 / 8;
/** Names come from outside: more are not kept. */
const PEERS_MAX = 1_024;

interface Known {
  report: PeerReport;
  networkNs: number;
}

/** What the other nodes have told of themselves; whoever is silent for long is none. */
export class KnownPeers {
  readonly #known = new Map<string, Known>();
  #reports: readonly PeerReport[] | undefined;

  constructor(
    private readonly silenceMs: number,
    private readonly nowNs: () => number,
  ) {}

  /** The same array until something changes. */
  get reports(): readonly PeerReport[] {
    this.#reports ??= [...this.#known.values()].map(({ report }) => report);
    return this.#reports;
  }

  note(name: string, { waitUs, inFlight, workers }: NodeLoad): void {
    const known = this.#known.get(name);
    if (known === undefined && this.#known.size >= PEERS_MAX) return;
    const networkNs = known?.networkNs ?? 0;
    const load = { expectedWaitNs: waitUs * NS_PER_US, inSystem: inFlight, workers };
    this.#known.set(name, { networkNs, report: { name, load, networkNs, atNs: this.nowNs() } });
    this.#reports = undefined;
  }

  /** A request took so long, of which the peer had it for `insideNs`. */
  measured(name: string, roundTripNs: number, insideNs: number): void {
    const known = this.#known.get(name);
    if (known === undefined) return;
    const oneWayNs = Math.max(0, (roundTripNs - insideNs) / 2);
    const before = known.networkNs === 0 ? oneWayNs : known.networkNs;
    known.networkNs = Math.round(before + (oneWayNs - before) * WEIGHT);
  }

  forget(name: string): void {
    if (this.#known.delete(name)) this.#reports = undefined;
  }

  /** Who has been silent for too long is none any more. */
  forgetSilent(): void {
    const limitNs = this.nowNs() - this.silenceMs * NS_PER_MS;
    for (const { report } of this.#known.values()) {
      if (report.atNs < limitNs) this.forget(report.name);
    }
  }
}
