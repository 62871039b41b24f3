import { call, put, show, text, u32, u64, type Step } from './probe';

/** One behaviour of one call. */
export interface Case {
  call: string;
  says: string;
  steps: readonly Step[];
  /** What the steps answer, in order: an errno, bytes, or what must hold of them. */
  gives: readonly Expected[];
  /** It needs the directory. */
  files?: true;
  args?: readonly string[];
  environ?: readonly string[];
  input?: Buffer;
  /** Where its results go; default 1. */
  reportTo?: number;
  /** How it ends; default: it returns. */
  ends?: { status: string; exitCode?: number };
}

export type Expected = number | Buffer | ((result: number | Buffer) => boolean);

export const E = {
  success: 0,
  badf: 8,
  exist: 20,
  fault: 21,
  inval: 28,
  isdir: 31,
  loop: 32,
  nametoolong: 37,
  noent: 44,
  notdir: 54,
  notsock: 57,
  notsup: 58,
  rofs: 69,
  spipe: 70,
  notcapable: 76,
} as const;

/** Rights by their bits. */
export const R = {
  read: 1n << 1n,
  seek: 1n << 2n,
  setFlags: 1n << 3n,
  tell: 1n << 5n,
  write: 1n << 6n,
  readdir: 1n << 14n,
  filestat: 1n << 21n,
  poll: 1n << 27n,
  /** What libc and Rust's std ask for to read: all but the ways of writing. */
  reading: (1n << 30n) - 1n - (1n << 6n) - (1n << 8n) - (1n << 22n),
};

export const OUT = 0x100;
export const BUFFER = 0x1000;
const VECTORS = 0x200;
const PATH = 0x400;
/** The preopened directory, and what is opened first. */
export const DIRECTORY = 3;
export const OPENED = 4;

/** A vector of buffers, one behind the other from BUFFER on. */
export function vectors(...lengths: number[]): Step {
  let at = BUFFER;
  const pairs = lengths.flatMap((bytes) => {
    at += bytes;
    return [at - bytes, bytes];
  });
  return put(VECTORS, u32(...pairs));
}

/** Reading or writing call on `count` vectors. */
export const transfer = (name: string, fd: number, count: number): Step =>
  call(name, fd, VECTORS, count, OUT);

export const pread = (fd: number, count: number, offset: number | bigint): Step =>
  call('fd_pread', fd, VECTORS, count, offset, OUT);

interface Opening {
  fd?: number;
  follow?: boolean;
  flags?: number;
  base?: bigint;
  inheriting?: bigint;
  fdflags?: number;
}

export function open(path: string, opening: Opening = {}): Step[] {
  const { fd = DIRECTORY, follow = true, flags = 0, fdflags = 0 } = opening;
  const { base = R.reading, inheriting = R.reading } = opening;
  const name = text(path);
  return [
    put(PATH, name),
    call('path_open', fd, Number(follow), PATH, name.length, flags, base, inheriting, fdflags, OUT),
  ];
}

/** A call that takes a descriptor, maybe other arguments, a path, and maybe more. */
export function onPath(
  name: string,
  path: string,
  before: readonly (number | bigint)[] = [],
  after: readonly (number | bigint)[] = [],
  fd = DIRECTORY,
): Step[] {
  const bytes = text(path);
  return [put(PATH, bytes), call(name, fd, ...before, PATH, bytes.length, ...after)];
}

export const is =
  (holds: (bytes: Buffer) => boolean): Expected =>
  (result) =>
    Buffer.isBuffer(result) && holds(result);

/** Whatever it is. */
export const any: Expected = () => true;
export { call, put, show, text, u32, u64 };
