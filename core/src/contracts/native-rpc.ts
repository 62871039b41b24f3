/** RPC ends in the binding, as they are; validated by the façades that use them. */
export interface NativeRpcEnd {
  backend: 'udp' | 'dpdk';
  /** IPv4 address of session management, and of data unless `dataHost` says another. */
  host: string;
  /** '': as `host`; with dpdk: made from the MAC. */
  dataHost: string;
  /** How peers reach it, a name or an address; '': as `host`. */
  advertiseHost: string;
  /** UDP port of session management; 0: any free one (clients, tests). */
  port: number;
  /** UDP port of data with `udp`; 0: any free one. */
  dataPort: number;
  busyPollUs: number;
  /** For dpdk: the backend's shared object, and the device. */
  library: string;
  device: string;
  queues: number;
  hugePages: boolean;
  memoryMib: number;
  requestWindow: number;
  credits: number;
  ringEntries: number;
  rssQueues: number;
  /** Another one in each life of a process. */
  seed: number;
}

export interface NativeRpcListener extends NativeRpcEnd {
  /** By tenant: the port of its clients' session management; 0: any. The first that fits serves. */
  clientPorts: number[];
}

export interface NativeRpcServerOptions {
  listeners: NativeRpcListener[];
  /** Threads; poller n serves each listener as its Rpc n. */
  pollers: number;
  /** Instead: each worker polls while it has nothing to run, as the poller of its number. */
  isInline: boolean;
  /** One per poller; those without are not pinned. */
  cores: number[];
  idle: 'spin' | 'adaptive';
  /** With 'adaptive': how long it polls without news before it sleeps. */
  spinUs: number;
  format: 'sledge' | 'sledgescale' | 'raw';
}

/** RPCs go to the data plane and back without JavaScript. */
export interface NativeRpcServer {
  /** Of session management, by listener. */
  readonly ports: number[];
  /**
   * @param routes for each function its request type, its id, bytes of input at most, and of a
   * version under trial its id, its share of 2^32, which is 0 without one, and its bytes of input.
   */
  setRoutes(listener: number, tenant: number, routes: number[]): void;
  /** Each request from now on is answered with SLEDGE_ERR_INVOKE_DRAINING. */
  drain(): void;
  /** Events since its start, by the names of docs/reference/erpc.md; zeros when it is stopped. */
  counters(): Record<string, number>;
  /** Invocations that have no outcome yet. */
  inFlight(): number;
  /** And, after `drain`, answers that are on their way. */
  unfinished(): number;
  /** Cancels what is in flight, answers it, joins the threads. Idempotent. */
  stop(): void;
}

export interface NativeRpcClientOptions extends NativeRpcEnd {
  /** Commands that may wait for the client's thread. */
  maxWaiting: number;
}

export interface NativeRpcEvent {
  kind: 'opened' | 'open-failed' | 'closed' | 'lost' | 'answered';
  /** Status of the RPC library in words: 'ok', 'deadline passed', 'peer lost', ... */
  status: string;
  /** Error of session management, as on the wire; 0: none. */
  reason: number;
  session: number;
  tag: number;
  /** With 'answered'. */
  data?: ArrayBuffer;
}

/** Commands answer false when too many wait. Each accepted one has one event with its tag. */
export interface NativeRpcClient {
  /** Of its session management. */
  readonly port: number;
  open(host: string, port: number, rpcId: number, tag: number): boolean;
  close(session: number, tag: number): boolean;
  /** relativeDeadlineUs 0: none. */
  call(
    session: number,
    type: number,
    message: Uint8Array,
    relativeDeadlineUs: number,
    tag: number,
  ): boolean;
  /** Whether the event loop stays alive for it. */
  hold(wanted: boolean): void;
  /** Joins its thread; no event comes afterwards. Idempotent. */
  stop(): void;
}
