/** Why a module cannot be captured, in words for its author. */
export class SnapshotRefusal extends Error {}

const MODULE = 'wasi_snapshot_preview1';
const ERRNO = { success: 0, badf: 8, inval: 28, spipe: 70 } as const;
const LOG_BYTES_MAX = 65_536;
const STANDARD_DESCRIPTORS = 3;
const FDSTAT_BYTES = 24;

type HostFunction = (...args: never[]) => number;

/**
 * What a module may call while its state is captured: what gives every build the same answer, and
 * the clock. Anything else would be true for the machine that builds, and not for a request.
 */
export class BuildHost {
  memory: WebAssembly.Memory | undefined;
  readonly #log: Uint8Array[] = [];
  #logBytes = 0;
  #read = 0;

  constructor(private readonly input: Uint8Array) {}

  /** What it wrote to standard output and error. */
  get log(): string {
    return Buffer.concat(this.#log).toString('utf8');
  }

  importsFor(module: WebAssembly.Module): WebAssembly.Imports {
    const own = this.#functions();
    const imports: Record<string, Record<string, HostFunction>> = {};
    for (const { module: from, name } of WebAssembly.Module.imports(module)) {
      const known = from === MODULE ? own[name] : undefined;
      (imports[from] ??= {})[name] = known ?? refusing(from, name);
    }
    return imports as WebAssembly.Imports;
  }

  get #view(): DataView {
    if (this.memory === undefined) throw new SnapshotRefusal('it exports no memory to WASI');
    return new DataView(this.memory.buffer);
  }

  #functions(): Record<string, HostFunction> {
    const none = (countOut: number, bytesOut: number): number => {
      this.#view.setUint32(countOut >>> 0, 0, true);
      this.#view.setUint32(bytesOut >>> 0, 0, true);
      return ERRNO.success;
    };
    return {
      args_sizes_get: none,
      environ_sizes_get: none,
      args_get: () => ERRNO.success,
      environ_get: () => ERRNO.success,
      clock_res_get: (_id: number, out: number) => this.#storeTime(1n, out),
      clock_time_get: (id: number, _precision: bigint, out: number) => this.#clock(id, out),
      fd_close: () => ERRNO.success,
      fd_fdstat_get: (fd: number, out: number) => this.#descriptorStat(fd, out),
      fd_fdstat_set_flags: () => ERRNO.success,
      fd_prestat_get: () => ERRNO.badf,
      fd_prestat_dir_name: () => ERRNO.badf,
      fd_read: (fd: number, v: number, n: number, out: number) => this.#readInput(fd, v, n, out),
      fd_seek: () => ERRNO.spipe,
      fd_write: (fd: number, v: number, n: number, out: number) => this.#write(fd, v, n, out),
      sched_yield: () => ERRNO.success,
      proc_exit: (code: number) => {
        throw new SnapshotRefusal(`it exits with code ${code}${this.#said()}`);
      },
    };
  }

  #said(): string {
    const text = this.log.trim();
    return text === '' ? '' : `:\n${text}`;
  }

  #storeTime(ns: bigint, out: number): number {
    this.#view.setBigUint64(out >>> 0, ns, true);
    return ERRNO.success;
  }

  #clock(id: number, out: number): number {
    if (id === 0) return this.#storeTime(BigInt(Date.now()) * 1_000_000n, out);
    return id <= 3 ? this.#storeTime(process.hrtime.bigint(), out) : ERRNO.inval;
  }

  #descriptorStat(fd: number, out: number): number {
    if (fd >>> 0 >= STANDARD_DESCRIPTORS) return ERRNO.badf;
    new Uint8Array(this.#view.buffer, out >>> 0, FDSTAT_BYTES).fill(0);
    return ERRNO.success;
  }

  /** Each buffer of a vector; `use` says how much of it was used. */
  #vectors(at: number, count: number, out: number, use: (buffer: Uint8Array) => number): number {
    const view = this.#view;
    let total = 0;
    for (let i = 0; i < count; i += 1) {
      const start = view.getUint32((at >>> 0) + 8 * i, true);
      const bytes = view.getUint32((at >>> 0) + 8 * i + 4, true);
      total += use(new Uint8Array(view.buffer, start, bytes));
    }
    view.setUint32(out >>> 0, total, true);
    return ERRNO.success;
  }

  #readInput(fd: number, vectors: number, count: number, out: number): number {
    if (fd !== 0) return ERRNO.badf;
    return this.#vectors(vectors, count, out, (buffer) => {
      const part = this.input.subarray(this.#read, this.#read + buffer.length);
      buffer.set(part);
      this.#read += part.length;
      return part.length;
    });
  }

  #write(fd: number, vectors: number, count: number, out: number): number {
    if (fd !== 1 && fd !== 2) return ERRNO.badf;
    return this.#vectors(vectors, count, out, (buffer) => {
      const kept = buffer.slice(0, LOG_BYTES_MAX - this.#logBytes);
      this.#logBytes += kept.length;
      this.#log.push(kept);
      return buffer.length;
    });
  }
}

function refusing(from: string, name: string): HostFunction {
  return () => {
    throw new SnapshotRefusal(
      `it calls ${from}.${name} while it starts, and every request would have the same answer`,
    );
  };
}
