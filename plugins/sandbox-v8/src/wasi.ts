import { randomFillSync } from 'node:crypto';
import { Call, type CallInput, type Ending, Right, type Strings } from './call';
import { Errno } from './errno';
import { GuestMemory } from './guest-memory';
import { pollOneoff } from './wasi-poll';
import { WASI_FUNCTIONS, WASI_MODULE } from './wasi-signatures';

/** Thrown through the function's frames to leave it; made once, never seen outside. */
const LEAVE = new Error('the function has ended');
const VECTOR_BYTES = 8;
const VECTORS_MAX = 1_024;
const UINT32_MAX = 0xffff_ffff;
const RANDOM_CHUNK_BYTES = 65_536;

type Argument = number | bigint;
/** Of what has directories, by the runtime; `fd_read` of files too. */
const isFileCall = (name: string): boolean =>
  name !== 'fd_read' && name !== 'fd_write' && /^(fd|path|sock)_/.test(name);
/** Called with what its signature says: `build` lets no other import pass. */
type HostFunction = (...args: never[]) => number;

/**
 * WASI preview 1 for one worker, with the answers of the native sandbox: arguments, environ,
 * stdin, stdout, stderr, clocks, random, waiting, exit; the rest gets the right errno.
 */
export class Wasi {
  readonly imports: WebAssembly.Imports;
  readonly #memory = new GuestMemory();
  #call = new Call({ argv: [], environ: [], input: new Uint8Array(0), maxOutputBytes: 0 });

  constructor() {
    const own = this.#ownFunctions();
    const entries = Object.entries(WASI_FUNCTIONS).map(([name, [, errno]]) => {
      const body = own[name] ?? ((fd: number) => this.#refuse(fd, errno ?? Errno.nosys));
      const fileBody = isFileCall(name) ? this.#fileCall(name) : body;
      return [name, (...args: Argument[]) => this.#enter(body, fileBody, args)] as const;
    });
    this.imports = { [WASI_MODULE]: Object.fromEntries(entries) };
  }

  begin(given: CallInput): Call {
    this.#call = new Call(given);
    this.#memory.attach(undefined);
    return this.#call;
  }

  attach(memory: unknown): void {
    this.#memory.attach(memory instanceof WebAssembly.Memory ? memory : undefined);
  }

  /** Nothing of the instance is kept. */
  end(): void {
    this.#memory.attach(undefined);
  }

  #fileCall(name: string): HostFunction {
    return (...args: Argument[]) =>
      this.#call.given.files?.call(name, this.#memory.buffer, args) ?? Errno.nosys;
  }

  #enter(body: HostFunction, fileBody: HostFunction, args: Argument[]): number {
    // A function that catches every exception may come back after it has ended.
    if (this.#call.ending !== undefined) throw LEAVE;
    for (let i = 0; i < args.length; i += 1) {
      const value = args[i];
      if (typeof value === 'number') args[i] = value >>> 0;
    }
    const chosen = this.#call.given.files === undefined ? body : fileBody;
    return (chosen as (...args: Argument[]) => number)(...args);
  }

  #leave(ending: Ending): never {
    this.#call.ending = ending;
    throw LEAVE;
  }

  #ownFunctions(): Record<string, HostFunction> {
    return {
      args_get: (out: number, buffer: number) => this.#copyStrings(this.#call.argv, out, buffer),
      args_sizes_get: (n: number, bytes: number) => this.#copySizes(this.#call.argv, n, bytes),
      environ_get: (out: number, buffer: number) =>
        this.#copyStrings(this.#call.environ, out, buffer),
      environ_sizes_get: (n: number, bytes: number) =>
        this.#copySizes(this.#call.environ, n, bytes),
      clock_res_get: (id: number, out: number) => this.#storeClock(resolutionOf(id), out),
      clock_time_get: (id: number, _: bigint, out: number) =>
        this.#storeClock(this.clockNs(id), out),
      fd_close: (fd: number) => this.#close(fd),
      fd_read: (fd: number, v: number, n: number, out: number) => this.#read(fd, v, n, out),
      fd_write: (fd: number, v: number, n: number, out: number) => this.#write(fd, v, n, out),
      fd_fdstat_get: (fd: number, out: number) => this.#descriptorStat(fd, out),
      fd_fdstat_set_flags: (fd: number, flags: number) => this.#setFlags(fd, flags),
      fd_fdstat_set_rights: (fd: number, base: bigint, inheriting: bigint) =>
        this.#setRights(fd, BigInt.asUintN(64, base), inheriting),
      fd_filestat_get: (fd: number, out: number) => this.#fileStat(fd, out),
      fd_renumber: (from: number, to: number) => {
        const errno = this.#refuseBoth(from, to, Errno.success);
        if (errno === Errno.success) this.#call.renumber(from, to);
        return errno;
      },
      path_link: (...args: number[]) => this.#refuseBoth(args[0], args[4], Errno.notdir),
      path_rename: (...args: number[]) => this.#refuseBoth(args[0], args[3], Errno.notdir),
      path_symlink: (...args: number[]) => this.#refuse(args[2], Errno.notdir),
      poll_oneoff: (from: number, to: number, count: number, out: number) =>
        pollOneoff(this.#memory, this.#call, this, from, to, count, out),
      proc_exit: (code: number) => this.#leave({ kind: 'exit', code: code | 0 }),
      proc_raise: (signal: number) => this.#raise(signal),
      random_get: (buffer: number, bytes: number) => this.#random(buffer, bytes),
      // its thread is its worker's, which runs nothing else before this has ended
      sched_yield: () => Errno.notsup,
    };
  }

  /** The clock of a preview 1 id in nanoseconds; undefined: there is none. */
  clockNs(id: number): bigint | undefined {
    if (id === 0) {
      return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1_000)) * 1_000n;
    }
    if (id === 1) return process.hrtime.bigint();
    // A worker_thread cannot read its own CPU time; it runs one function at a time.
    return id <= 3 ? process.hrtime.bigint() - this.#call.startedNs : undefined;
  }

  #copyStrings(strings: Strings, pointers: number, buffer: number): number {
    const { bytes, count } = strings;
    const memory = this.#memory;
    if (!memory.covers(pointers, count * 4) || !memory.covers(buffer, bytes.length)) {
      return Errno.fault;
    }
    let start = 0;
    for (let i = 0; i < count; i += 1) {
      memory.setU32(pointers + 4 * i, buffer + start);
      start = bytes.indexOf(0, start) + 1;
    }
    memory.bytes(buffer, bytes.length).set(bytes);
    return Errno.success;
  }

  #copySizes(strings: Strings, countOut: number, bytesOut: number): number {
    const memory = this.#memory;
    if (!memory.covers(countOut, 4) || !memory.covers(bytesOut, 4)) return Errno.fault;
    memory.setU32(countOut, strings.count);
    memory.setU32(bytesOut, strings.bytes.length);
    return Errno.success;
  }

  #storeClock(ns: bigint | undefined, out: number): number {
    if (ns === undefined) return Errno.inval;
    if (!this.#memory.covers(out, 8)) return Errno.fault;
    this.#memory.setU64(out, ns);
    return Errno.success;
  }

  #close(fd: number): number {
    if (this.#call.descriptor(fd) === undefined) return Errno.badf;
    this.#call.close(fd);
    return Errno.success;
  }

  #checkVectors(vectors: number, count: number): number {
    const memory = this.#memory;
    if (count > VECTORS_MAX) return Errno.inval;
    if (!memory.covers(vectors, count * VECTOR_BYTES)) return Errno.fault;
    let total = 0;
    for (let i = 0; i < count; i += 1) {
      const at = vectors + VECTOR_BYTES * i;
      const bytes = memory.u32(at + 4);
      if (!memory.covers(memory.u32(at), bytes)) return Errno.fault;
      total += bytes;
    }
    return total > UINT32_MAX ? Errno.inval : Errno.success;
  }

  #read(fd: number, vectors: number, count: number, out: number): number {
    const memory = this.#memory;
    const call = this.#call;
    const descriptor = call.descriptor(fd);
    if (descriptor?.kind === 'file' || descriptor?.kind === 'directory') {
      return call.given.files?.call('fd_read', memory.buffer, [fd, vectors, count, out]) ?? 0;
    }
    if (descriptor?.kind !== 'input') return Errno.badf;
    if ((descriptor.rights & Right.read) === 0n) return Errno.notcapable;
    const error = this.#checkVectors(vectors, count);
    if (error !== Errno.success) return error;
    if (!memory.covers(out, 4)) return Errno.fault;
    let total = 0;
    for (let i = 0; i < count; i += 1) {
      const at = vectors + VECTOR_BYTES * i;
      const buffer = memory.u32(at);
      const bytes = memory.u32(at + 4);
      // Checked again: a buffer may overlap the vectors, which reading has then changed.
      if (!memory.covers(buffer, bytes)) return Errno.fault;
      const part = call.given.input.subarray(call.inputRead, call.inputRead + bytes);
      memory.bytes(buffer, part.length).set(part);
      call.inputRead += part.length;
      total += part.length;
      if (part.length < bytes) break;
    }
    memory.setU32(out, total);
    return Errno.success;
  }

  #write(fd: number, vectors: number, count: number, out: number): number {
    const memory = this.#memory;
    const descriptor = this.#call.descriptor(fd);
    if (descriptor?.kind !== 'output' && descriptor?.kind !== 'log') return Errno.badf;
    if ((descriptor.rights & Right.write) === 0n) return Errno.notcapable;
    const error = this.#checkVectors(vectors, count);
    if (error !== Errno.success) return error;
    if (!memory.covers(out, 4)) return Errno.fault;
    let total = 0;
    for (let i = 0; i < count; i += 1) {
      const at = vectors + VECTOR_BYTES * i;
      const part = memory.bytes(memory.u32(at), memory.u32(at + 4));
      if (descriptor.kind === 'log') this.#call.log(part);
      else if (!this.#call.write(part)) this.#leave({ kind: 'output-limit' });
      total += part.length;
    }
    memory.setU32(out, total);
    return Errno.success;
  }

  #descriptorStat(fd: number, out: number): number {
    const FDSTAT_BYTES = 24;
    const descriptor = this.#call.descriptor(fd);
    if (descriptor === undefined) return Errno.badf;
    if (!this.#memory.covers(out, FDSTAT_BYTES)) return Errno.fault;
    // File type 0, as pipes have: not a terminal, so libc buffers fully.
    this.#memory.bytes(out, FDSTAT_BYTES).fill(0);
    this.#memory.bytes(out + 2, 1).fill(descriptor.flags ?? 0);
    this.#memory.setU64(out + 8, descriptor.rights);
    return Errno.success;
  }

  #setFlags(fd: number, flags: number): number {
    const FLAGS_MAX = 31;
    const APPEND_AND_NONBLOCK = 5;
    const descriptor = this.#call.descriptor(fd);
    if (descriptor === undefined) return Errno.badf;
    if (flags > FLAGS_MAX) return Errno.inval;
    if ((flags & ~APPEND_AND_NONBLOCK) !== 0) return Errno.notsup;
    if ((descriptor.rights & Right.setFlags) === 0n) return Errno.notcapable;
    descriptor.flags = flags;
    return Errno.success;
  }

  #setRights(fd: number, base: bigint, inheriting: bigint): number {
    const descriptor = this.#call.descriptor(fd);
    if (descriptor === undefined) return Errno.badf;
    if ((base & ~descriptor.rights) !== 0n || inheriting !== 0n) return Errno.notcapable;
    descriptor.rights = base;
    return Errno.success;
  }

  /** What the signal does to a process that has set nothing. */
  #raise(signal: number): number {
    const MOST = 30;
    const IGNORED = [0, 16, 17, 22, 27];
    const STOPPING = [18, 19, 20, 21];
    if (signal > MOST) return Errno.inval;
    if (STOPPING.includes(signal)) return Errno.notsup;
    if (IGNORED.includes(signal)) return Errno.success;
    return this.#leave({ kind: 'exit', code: 128 + signal });
  }

  #fileStat(fd: number, out: number): number {
    const FILESTAT_BYTES = 64;
    const descriptor = this.#call.descriptor(fd);
    if (descriptor === undefined) return Errno.badf;
    if (!this.#memory.covers(out, FILESTAT_BYTES)) return Errno.fault;
    if ((descriptor.rights & Right.filestat) === 0n) return Errno.notcapable;
    this.#memory.bytes(out, FILESTAT_BYTES).fill(0);
    return Errno.success;
  }

  #random(buffer: number, bytes: number): number {
    if (!this.#memory.covers(buffer, bytes)) return Errno.fault;
    for (let done = 0; done < bytes; done += RANDOM_CHUNK_BYTES) {
      const chunk = Math.min(RANDOM_CHUNK_BYTES, bytes - done);
      randomFillSync(this.#memory.bytes(buffer + done, chunk));
    }
    return Errno.success;
  }

  #refuse(fd: number | undefined, errno: number): number {
    return fd !== undefined && this.#call.descriptor(fd) !== undefined ? errno : Errno.badf;
  }

  #refuseBoth(one: number | undefined, other: number | undefined, errno: number): number {
    const isOpen = this.#refuse(one, errno) === errno && this.#refuse(other, errno) === errno;
    return isOpen ? errno : Errno.badf;
  }
}

function resolutionOf(id: number): bigint | undefined {
  if (id === 0) return 1_000n;
  return id <= 3 ? 1n : undefined;
}
