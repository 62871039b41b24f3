import type { FunctionHandle, Invoker } from './invocation';
import type { NativeRpcEnd, NativeRpcServerOptions } from './native-rpc';
import type { NodeLoad, PeerLink } from './placement';
import type { PluginInstance } from './plugin';
import type { TlsFiles, WatchFiles } from '../security/tls';

/** Where a transport listens, as written to the ready file. */
export interface ListenerInfo {
  transport: string;
  tenant: string;
  url: string;
  /**
   * 'connecting': what it listens through is away; 'joining': whether this node takes work of the
   * cluster is not known yet. Absent: it can be called.
   */
  state?: 'connecting' | 'joining' | undefined;
}

/** A tenant as a transport sees it. */
export interface TenantView {
  readonly name: string;
  /** Configured port; 0 picks a free one; undefined: this tenant has no HTTP listener. */
  readonly port: number | undefined;
  /** Address of this tenant's listener; undefined: the transport's own. */
  readonly host?: string | undefined;
  /** Host names that it answers on its port; undefined: those that no other tenant there has. */
  readonly hostNames?: readonly string[] | undefined;
  /** Path before all its routes. */
  readonly pathPrefix?: string | undefined;
  readonly functions: readonly FunctionHandle[];
  /** Of this tenant's HTTP listener; undefined: it has no TLS. */
  readonly tls?: TlsFiles | undefined;
  /** Who calls its functions needs a key of this file, absolute; undefined: nobody needs one. */
  readonly keysFile?: string | undefined;
}

/** Listeners of native pollers that give RPCs to the data plane. */
export interface RpcServerOptions extends Omit<NativeRpcServerOptions, 'listeners'> {
  listeners: readonly RpcListenerOptions[];
}

export interface RpcListenerOptions extends NativeRpcEnd {
  tenants: readonly RpcTenantOptions[];
}

export interface RpcTenantOptions {
  /** Port of its clients' session management; 0: any. The first tenant that fits serves. */
  clientPort: number;
  /** Those with a requestType are called by it. */
  functions: readonly FunctionHandle[];
}

export interface RpcServer {
  /** Of session management, by listener. */
  readonly ports: readonly number[];
  /** From now on these are the functions of that tenant of that listener. */
  setFunctions(listener: number, tenant: number, functions: readonly FunctionHandle[]): void;
  /** Events since its start, by the names of docs/reference/erpc.md; zeros when it is stopped. */
  counters(): Record<string, number>;
  /** Refuses what comes; resolves when everything in flight is answered and fetched. */
  drain(): Promise<void>;
  /** Cancels what is left and closes. Idempotent. */
  stop(): void;
}

/** What a transport resolves from its container (tokens.TransportHost). */
export interface TransportHost {
  readonly invoker: Invoker;
  tenants(): readonly TenantView[];
  /**
   * How loaded this node is, as its placement sees it and peers are to be told. From the first
   * question on each request is measured, which costs it some 0.2 us; the question itself costs
   * microseconds once in a millisecond.
   */
  load?(): NodeLoad;
  /** Service time expected of a function on this node, learned from what it ran. */
  estimateNs?(fn: FunctionHandle): number;
  /**
   * Serves RPCs on native threads: no JavaScript is on their way. `onLine` gets what they report.
   * @throws SledgeError SLEDGE_ERR_RPC_LISTEN; then nothing listens.
   */
  serveRpc(options: RpcServerOptions, onLine: (line: string) => void): RpcServer;
  /**
   * Called with the new tenants after a live change; returns an unsubscribe function. A tenant
   * that has not changed is the same object. Who made the change awaits what the listener returns.
   */
  onTenantsChanged(listener: (tenants: readonly TenantView[]) => void | Promise<void>): () => void;
  /**
   * Called before a tenant is made or changed, with what it is to be. The listener takes what that
   * needs, such as an address, and changes nothing that is served; what it returns gives that back
   * when the change is refused by others. What it throws refuses the change.
   */
  onTenantChanging?(listener: (tenant: TenantView) => Promise<() => Promise<void>>): () => void;
  /** Calls back when one of the files is another, or an operator asks. @returns ends it. */
  watchFiles?: WatchFiles;
  /**
   * From now on requests can be sent to these peers, if the configuration has a placement.
   * @returns withdraws them: what is on its way is still awaited.
   */
  connectPeers?(link: PeerLink): () => void;
}

export interface TransportInstance extends PluginInstance {
  start(): Promise<void>;
  drain(): Promise<void>;
  stop(): Promise<void>;
  /** Valid after start. */
  listeners(): readonly ListenerInfo[];
  /**
   * Work that the cluster hands to any of its nodes is taken again, or no more; resolves when what
   * was taken has ended. Absent: it takes none. What is meant for this node alone is served on.
   * Asked before `start` it takes none from the beginning: so begins a node of a cluster, until it
   * knows whether it is drained.
   */
  setTakingWork?(isTaking: boolean): Promise<void>;
  /** What it has counted since `start`, by name. */
  stats?(): Record<string, number>;
}

/** A policy with native code: loaded by path, ours exactly like a third party's. */
export interface NativePolicyInstance extends PluginInstance {
  readonly native: {
    /** Absolute path of the shared object that exports `sledge_policy`. */
    library: string;
    options: Readonly<Record<string, number | string | boolean>>;
  };
}

/** Functions of a shared object that functions may import (sledge/host.h). */
export interface HostInstance extends PluginInstance {
  readonly native: {
    /** Absolute path of the shared object that exports `sledge_host_plugin`. */
    library: string;
    options: Readonly<Record<string, number | string | boolean>>;
  };
}

/** How a .wasm becomes something that can be loaded. */
export interface BuildRequest {
  wasm: Uint8Array;
  /** For messages only. */
  name: string;
  /** Where finished artifacts are kept, by content hash. Absolute. */
  cacheDirectory: string;
  level: 'production' | 'development';
  /** The code should see by itself when its quantum has ended, if the sandbox can do that. */
  readsTime?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

export interface BuiltModule {
  /** What the runtime loads: `.wasm.so` for native workers, `.wasm` for JavaScript workers. */
  artifactPath: string;
  /** sha256 of the .wasm, hex. */
  contentHash: string;
  cached: boolean;
  durationMs: number;
  /** Pages of its initial memory, when the sandbox knows; more than the limit is refused. */
  memoryMinPages?: number | undefined;
}

export interface SandboxInstance extends PluginInstance {
  /** 'native': worker threads of the data plane run it. 'javascript': worker_threads do. */
  readonly workers: 'native' | 'javascript';
  /** For 'javascript': the module that each worker_thread runs. Absolute path. */
  readonly workerScript?: string | undefined;
  /** For 'javascript': its workers give functions their `preopens`, by NativeExternalWorker. */
  readonly hasDirectories?: boolean | undefined;
  /** Refuses an invalid or unsupported module with a SledgeError that names the feature. */
  build(request: BuildRequest): Promise<BuiltModule>;
}
