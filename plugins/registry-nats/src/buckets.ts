import { jetstream, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import { Kvm, type KV, type KvWatchEntry } from '@nats-io/kv';
import { Objm, type ObjectStore } from '@nats-io/obj';
import type { NatsConnection } from '@nats-io/transport-node';
import type { RegistryOptions } from './options';

/** Longest value of a key; what is longer is refused by the server. */
const VALUE_BYTES_MAX = 300_000;
const NODE_BYTES_MAX = 64 * 1024;
const NODES_BYTES_MAX = 4 * 1024 * 1024;

/** The three buckets of a cluster, over one connection. They are made if they are missing. */
export class Buckets {
  private constructor(
    readonly entries: KV,
    readonly nodes: KV,
    readonly modules: ObjectStore,
    private readonly manager: JetStreamManager,
    private readonly cluster: string,
  ) {}

  /** Rejects when JetStream does not answer, or refuses. */
  static async open(connection: NatsConnection, options: RegistryOptions): Promise<Buckets> {
    const { cluster, timeoutMs, replicas } = options;
    const client: JetStreamClient = jetstream(connection, { timeout: timeoutMs });
    const buckets = new Kvm(client);
    // what was written is read by whoever asks next: no replica answers for its leader
    const common = { replicas, history: 1, allow_direct: false };
    const entries = await buckets.create(`${cluster}-registry`, {
      ...common,
      max_bytes: options.maxEntriesBytes,
      maxValueSize: VALUE_BYTES_MAX,
    });
    const nodes = await buckets.create(`${cluster}-nodes`, {
      ...common,
      ttl: options.nodeTtlMs,
      max_bytes: NODES_BYTES_MAX,
      maxValueSize: NODE_BYTES_MAX,
    });
    const modules = await new Objm(client).create(`${cluster}-modules`, {
      replicas,
      max_bytes: options.maxModulesBytes,
    });
    const manager = await client.jetstreamManager();
    return new Buckets(entries, nodes, modules, manager, cluster);
  }

  /** Since when the bucket of entries is there, and how much of it. */
  async state(): Promise<{ epoch: string; messages: number; lastRevision: number }> {
    const { created, state } = await this.manager.streams.info(`KV_${this.cluster}-registry`);
    return { epoch: created, messages: state.messages, lastRevision: state.last_seq };
  }

  /** How many nodes have said something, or that they leave. */
  async spoken(): Promise<number> {
    const { state } = await this.manager.streams.info(`KV_${this.cluster}-nodes`);
    return state.messages;
  }
}

/** A removed key has no value. */
export function valueOf(entry: Pick<KvWatchEntry, 'operation' | 'string'>): string | undefined {
  return entry.operation === 'PUT' ? entry.string() : undefined;
}
