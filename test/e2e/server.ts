import { fork, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { askAdmin } from '@sledge/core/host';

export const root = path.join(__dirname, '../..');
const READY_MS = 300_000;
/** Modules are built once for all files of these tests. */
const cacheDirectory = path.join(root, '.cache', 'e2e');

export interface ServerOptions {
  /** Written to a file as it is. */
  config: unknown;
  fileName?: string;
  /** Where it is written, and which is removed in the end; a new one by default. */
  folder?: string;
  /** Overrides: "log.level=debug". */
  set?: string[];
  /** Further arguments of `sledge start`. */
  flags?: string[];
  environment?: NodeJS.ProcessEnv;
  /** How long it may take to serve. */
  readyMs?: number;
}

/** A real `sledge start` in a process of its own, on free ports. */
export class Server {
  static readonly #all = new Set<Server>();

  /** For afterAll: a failed test leaves no process behind. */
  static async stopAll(): Promise<void> {
    for (const server of Server.#all) await server.stop('SIGKILL');
  }

  readonly exited: Promise<{ code: number | null; signal: string | null }>;
  log = '';
  urls: string[] = [];
  /** Path of its control socket. */
  control = '';

  private constructor(
    readonly process: ChildProcess,
    readonly folder: string,
    readonly readyFile: string,
  ) {
    this.exited = new Promise((resolve) =>
      process.on('exit', (code, signal) => resolve({ code, signal })),
    );
    for (const stream of [process.stdout, process.stderr]) {
      stream?.on('data', (text: Buffer) => (this.log += text.toString()));
    }
  }

  static async start(options: ServerOptions): Promise<Server> {
    const folder = options.folder ?? mkdtempSync(path.join(tmpdir(), 'sledge-e2e-'));
    const config = path.join(folder, options.fileName ?? 'sledge.config.json');
    const { config: content } = options;
    writeFileSync(config, typeof content === 'string' ? content : JSON.stringify(content));
    const readyFile = path.join(folder, 'ready.json');
    const flags = options.flags ?? [];
    const set = [`build.cacheDirectory=${cacheDirectory}`, ...(options.set ?? [])].flatMap(
      (one) => ['--set', one],
    );
    const child = fork(
      path.join(root, 'cli/bin/sledge.js'),
      ['start', '-c', config, '--ready-file', readyFile, ...flags, ...set],
      {
        cwd: root,
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        execArgv: ['--expose-gc', '-r', path.join(__dirname, 'probe.cjs')],
        env: { ...process.env, ...options.environment },
      },
    );
    const server = new Server(child, folder, readyFile);
    Server.#all.add(server);
    await server.untilReady(options.readyMs ?? READY_MS);
    return server;
  }

  get url(): string {
    return this.urls[0] ?? '';
  }

  /** Sends the signal and waits for the end. */
  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<{ code: number | null }> {
    if (this.process.exitCode === null) this.process.kill(signal);
    const end = await this.exited;
    Server.#all.delete(this);
    rmSync(this.folder, { recursive: true, force: true });
    return end;
  }

  /** After a collection. */
  heap(): Promise<HeapAnswer> {
    return new Promise((resolve) => {
      this.process.once('message', (answer) => resolve(answer as HeapAnswer));
      this.process.send('heap');
    });
  }

  /** Requests that it has taken and not answered, as it says itself. */
  async inFlight(): Promise<number> {
    const status = await askAdmin(this.control, { path: '/status' });
    return (status as { inFlight: number }).inFlight;
  }

  descriptors(): number {
    return readdirSync(`/proc/${this.process.pid}/fd`).length;
  }

  /** Of its descriptors those that connections may be. */
  sockets(): number {
    const folder = `/proc/${this.process.pid}/fd`;
    const isSocket = (descriptor: string): boolean => {
      try {
        return readlinkSync(path.join(folder, descriptor)).startsWith('socket:');
      } catch {
        return false; // closed meanwhile
      }
    };
    return readdirSync(folder).filter(isSocket).length;
  }

  /** Lines of its memory map without V8's heap pages, which come and go; `of` selects. */
  mappings(of = ''): number {
    const maps = readFileSync(`/proc/${this.process.pid}/maps`, 'utf8');
    return maps.split('\n').filter((line) => line.includes(of) && isOurs(line)).length;
  }

  private async untilReady(readyMs: number): Promise<void> {
    const limit = Date.now() + readyMs;
    while (!existsSync(this.readyFile)) {
      if (this.process.exitCode !== null || Date.now() > limit) {
        throw new Error(`the server did not start:\n${this.log}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const ready = JSON.parse(readFileSync(this.readyFile, 'utf8')) as {
      pid: number;
      listeners: { transport: string; tenant: string; url: string }[];
      control?: string;
    };
    if (ready.pid !== this.process.pid) throw new Error('the ready file names another process');
    this.control = ready.control ?? '';
    this.urls = ready.listeners.map(({ url }) => url);
  }
}

/** V8 takes its heap in pages of 256 KiB, each a mapping at a multiple of that. */
function isOurs(line: string): boolean {
  const V8_PAGE_BYTES = 0x40000n;
  const match = /^([0-9a-f]+)-([0-9a-f]+) .* 00:00 0\s*$/.exec(line);
  if (match === null) return line !== '';
  const [start, end] = [BigInt(`0x${match[1]}`), BigInt(`0x${match[2]}`)];
  return start % V8_PAGE_BYTES !== 0n || end - start !== V8_PAGE_BYTES;
}

export interface HeapAnswer {
  heapUsed: number;
  /** Resident memory that is not V8's heap. */
  nativeBytes: number;
}

/** Of what ends by itself, also where the machine stands still for seconds. */
const WALL_TIME_US = 60_000_000;
/** Ended by the limit that everybody has. */
const ENDLESS = new Set(['endless_loop', 'hold']);

export interface FunctionOptions {
  name: string;
  route?: string;
  limits?: object;
  [key: string]: unknown;
}

/** A tenant with the sample functions of these names, each at /<name>. */
export function configOf(
  functions: (string | FunctionOptions)[],
  more: Record<string, unknown> = {},
): Record<string, unknown> {
  const list = functions.map((fn) => {
    const options = typeof fn === 'string' ? { name: fn } : fn;
    const file = path.join(root, 'functions', `${options.name}.wasm`);
    const { name, limits } = options;
    const wall = ENDLESS.has(name) ? {} : { wallTimeUs: WALL_TIME_US };
    return { path: file, route: `/${name}`, ...options, limits: { ...wall, ...limits } };
  });
  return {
    transports: [['http', {}]],
    tenants: [{ name: 'test', port: 0, functions: list }],
    ...more,
  };
}
