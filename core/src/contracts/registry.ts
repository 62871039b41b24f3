import type { PluginInstance } from './plugin';

/** One key of the registry as it is now. */
export interface RegistryEntry {
  /** Letters, digits, "-", "_", "=" and ".". */
  readonly key: string;
  /** JSON text; undefined: it has been removed. */
  readonly value: string | undefined;
  /** Of its last change: it grows with every change of the registry, so that all see one order. */
  readonly revision: number;
}

/** Whether the registry's engine answers. */
export interface RegistryState {
  readonly state: 'connected' | 'away';
  /** Why it is away. */
  readonly reason?: string | undefined;
}

/** What a registry tells whoever converges to it. Main thread. */
export interface RegistryListener {
  /**
   * Everything that is there, removed keys too: once after `start`, and again whenever changes may
   * have been missed. @param epoch another one when the registry was made anew: then revisions
   * begin again, and what is missing has been lost, not removed.
   */
  onAll(entries: readonly RegistryEntry[], epoch: string): void;
  /** One key has changed; a later call never has a smaller revision of the same key. */
  onChange(entry: RegistryEntry): void;
  onState(state: RegistryState): void;
}

/** What a node last said of itself. */
export interface NodeMessage {
  readonly node: string;
  /** JSON text. */
  readonly text: string;
  /** When the registry got it: milliseconds since 1970 by the registry's own clock. */
  readonly atMs: number;
}

/**
 * Where the nodes of a cluster keep what all of them serve. It must be startable, and `start` must
 * resolve, while its engine is away. Other methods reject then with SLEDGE_ERR_CLUSTER_AWAY.
 */
export interface RegistryInstance extends PluginInstance {
  /** Name of this node, unique in its cluster. */
  readonly node: string;
  /** How often a node says that it is there, milliseconds. */
  readonly heartbeatMs: number;
  /** Bytes that a module may have. */
  readonly moduleBytes: number;
  start(): Promise<void>;
  stop(): Promise<void>;
  state(): RegistryState;
  /** Call it before `start`; there is one listener. */
  watch(listener: RegistryListener): void;
  /** Undefined: there is no such key; one that was removed has a revision and no value. */
  get(key: string): Promise<RegistryEntry | undefined>;
  /**
   * Exchanges a value if the key is still at `revision` (0: it must not be there); `value`
   * undefined removes it. @returns the new revision.
   * @throws SledgeError SLEDGE_ERR_CLUSTER_CONFLICT when another change came first.
   */
  put(key: string, value: string | undefined, revision: number): Promise<number>;
  /** Keeps a .wasm under its hash; one that is there and sound is not sent again. */
  putModule(hash: string, wasm: Uint8Array): Promise<void>;
  /**
   * The bytes whose sha256 is `hash`: they are compared before they are given.
   * @throws SledgeError SLEDGE_ERR_CLUSTER_MODULE when they are missing, too many, or others.
   */
  getModule(hash: string): Promise<Uint8Array>;
  /** Removes modules that are in none of `hashes` and were put longer than an hour ago. */
  keepModules(hashes: ReadonlySet<string>): Promise<void>;
  /** Says what this node does; undefined: it leaves. It is forgotten when nothing follows. */
  announce(text: string | undefined): Promise<void>;
  /** What every node last said that is not forgotten yet. */
  nodes(): Promise<NodeMessage[]>;
}
