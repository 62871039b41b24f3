/** What one invocation gives its function, and what it has left behind. */
export interface CallInput {
  /** One character is one byte. */
  readonly argv: readonly string[];
  readonly environ: readonly string[];
  readonly input: Uint8Array;
  readonly maxOutputBytes: number;
  /** Given directories, the runtime keeps its descriptors. */
  readonly files?: Files | undefined;
}

/** Calls of preview 1 on descriptors, by the runtime. */
export interface Files {
  call(name: string, memory: ArrayBuffer, args: readonly (number | bigint)[]): number;
  /** undefined: it is not open. */
  descriptor(fd: number): Readonly<Descriptor> | undefined;
}

/** stderr beyond this is dropped. */
export const LOG_BYTES_MAX = 65_536;
const NOTHING = new Uint8Array(0);

export type Ending = { kind: 'exit'; code: number } | { kind: 'output-limit' };

/** Bits of preview 1's rights that standard descriptors have. */
export const Right = {
  read: 1n << 1n,
  setFlags: 1n << 3n,
  write: 1n << 6n,
  filestat: 1n << 21n,
  poll: 1n << 27n,
} as const;

const COMMON = Right.setFlags | Right.filestat | Right.poll;

/** Without directories, one of the three standard descriptors, maybe under another number. */
export interface Descriptor {
  readonly kind: 'input' | 'output' | 'log' | 'directory' | 'file';
  rights: bigint;
  flags?: number;
  /** Of a file: from where it is to its end. */
  readonly leftBytes?: number;
}

/** State of one invocation as WASI sees it. */
export class Call {
  readonly argv: Strings;
  readonly environ: Strings;
  readonly startedNs = process.hrtime.bigint();
  inputRead = 0;
  /** Set once: from then on every host call ends the function. */
  ending: Ending | undefined;
  readonly #descriptors: (Descriptor | undefined)[] = [
    { kind: 'input', rights: COMMON | Right.read, flags: 0 },
    { kind: 'output', rights: COMMON | Right.write, flags: 0 },
    { kind: 'log', rights: COMMON | Right.write, flags: 0 },
  ];
  #output: Uint8Array[] = [];
  #outputBytes = 0;
  #log: Uint8Array[] = [];
  #logBytes = 0;

  constructor(readonly given: CallInput) {
    this.argv = new Strings(given.argv);
    this.environ = new Strings(given.environ);
  }

  /** undefined: it is not open. */
  descriptor(fd: number): Descriptor | undefined {
    const { files } = this.given;
    return files === undefined ? this.#descriptors[fd] : files.descriptor(fd);
  }

  close(fd: number): void {
    this.#descriptors[fd] = undefined;
  }

  /** Both are open: `to` becomes what `from` was. */
  renumber(from: number, to: number): void {
    const moved = this.#descriptors[from];
    this.#descriptors[from] = undefined;
    this.#descriptors[to] = moved;
  }

  /** Copies; false when the limit is reached, then only what fits is kept. */
  write(bytes: Uint8Array): boolean {
    const room = this.given.maxOutputBytes - this.#outputBytes;
    const kept = bytes.slice(0, room);
    this.#output.push(kept);
    this.#outputBytes += kept.length;
    return bytes.length <= room;
  }

  log(bytes: Uint8Array): void {
    const kept = bytes.slice(0, LOG_BYTES_MAX - this.#logBytes);
    if (kept.length === 0) return;
    this.#log.push(kept);
    this.#logBytes += kept.length;
  }

  get output(): Uint8Array {
    const [first] = this.#output;
    return this.#output.length === 1 && first !== undefined ? first : Buffer.concat(this.#output);
  }

  get logged(): Uint8Array {
    return this.#log.length === 0 ? NOTHING : Buffer.concat(this.#log);
  }
}

/** NUL-terminated strings one behind the other. */
export class Strings {
  readonly bytes: Buffer;
  readonly count: number;

  constructor(strings: readonly string[]) {
    this.bytes = Buffer.from(strings.map((text) => `${text}\0`).join(''), 'latin1');
    this.count = strings.length;
  }
}
