/** A function as the data plane takes it. */
export interface NativeFunctionSpec {
  name: string;
  tenant: number;
  /** What workers load when it is called. */
  artifactPath: string;
  memoryLimitPages: number;
  /** Of request types, for policies. */
  group: number;
  /** Index in `groups` of the data plane: whose workers run it. */
  workerGroup: number;
  relativeDeadlineUs: number; // 0: none
  expectedExecutionUs: number;
  maxWallTimeUs: number;
  maxCpuTimeUs: number; // 0: no limit
  onLate: 'run' | 'drop-unstarted' | 'abort';
  onDisconnect: 'kill' | 'run';
  maxOutputBytes: number;
  maxStackBytes: number; // 0: a slot's
  maxConcurrent: number; // 0: no limit
  warmInstances: number; // 0: none goes on
  warmIdleMs: number;
  maxQueued: number; // 0: no limit
  /** Entries with a NUL behind each; they follow the environ of each request. */
  environ: string;
  /** Name of its tenant, for host plugins that it imports from. */
  tenantName: string;
  /** Directories that it may read, by absolute paths. */
  preopens: readonly NativePreopen[];
}

/** A directory of the host under the name that the function knows it by. */
export interface NativePreopen {
  name: string;
  path: string;
}
