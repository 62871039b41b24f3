/** In a worker_thread: takes work from the same native core. */
export interface NativeExternalWorker {
  /** Blocks up to timeoutMs. Null: nothing; throws when this worker is to end. */
  take(timeoutMs: number): NativeExternalInvocation | null;
  /**
   * @param output stdout, and behind it `logBytes` of stderr. Default: none.
   * @returns false when it had been ended by someone else (timeout, cancel).
   */
  complete(
    token: number,
    status: number,
    detail: number,
    output: Uint8Array,
    logBytes?: number,
  ): boolean;
  /**
   * Makes a call of WASI preview 1 (fd_*, path_* or sock_*, but not fd_write) for what was taken
   * last, as compiled modules do. It knows nothing of input and output.
   * @returns its errno.
   */
  callFile(name: string, memory: ArrayBuffer, args: readonly (number | bigint)[]): number;
  /** What that has open; null: nothing under this number. */
  descriptor(fd: number): NativeDescriptor | null;
}

/** One of what `callFile` knows, where the standard ones may have been moved too. */
export interface NativeDescriptor {
  readonly kind: 'input' | 'output' | 'log' | 'directory' | 'file';
  /** Bits of preview 1. */
  readonly rights: bigint;
  /** Of a file: from where it is to its end. */
  readonly leftBytes: number;
}

export interface NativeExternalInvocation {
  token: number;
  fn: number;
  artifactPath: string;
  memoryLimitPages: number;
  /** Present: its instance may go on, for invocations with this key. */
  warmKey?: number | undefined;
  warmIdleMs?: number | undefined;
  /** Its descriptors are those of `callFile`; else it has the three standard ones alone. */
  hasDirectories: boolean;
  /** Byte strings: each character is one byte (latin1). */
  argv: string[];
  environ: string[];
  input: Uint8Array;
  maxOutputBytes: number;
}

/** `workerData` of the worker_threads that run a sandbox plugin's `workerScript`. */
export interface ExternalWorkerData {
  /** What to `require` for a NativeBinding. */
  bindingPath: string;
  handle: number;
  worker: number;
}
