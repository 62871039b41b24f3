import { fork, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export const root = path.join(__dirname, '../..');
const READY_MS = 300_000;
/** Modules are built once for all files of these tests. */
const cacheDirectory = path.join(root, '.cache', 'e2e');

export interface ServerOptions {
  /** Written to a file as it is. */
  config: unknown;
  fileName?: string;
  /** Overrides: "log.level=debug". */
  set?: string[];
  environment?: NodeJS.ProcessEnv;
}

/** A real `sledge start` in a process of its own, on free ports. */
export class Server {
  readonly exited: Promise<{ code: number | null; signal: string | null }>;
  log = '';
  urls: string[] = [];

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
    const folder = mkdtempSync(path.join(tmpdir(), 'sledge-e2e-'));
    const config = path.join(folder, options.fileName ?? 'sledge.config.json');
    const { config: content } = options;
    writeFileSync(config, typeof content === 'string' ? content : JSON.stringify(content));
    const readyFile = path.join(folder, 'ready.json');
    const set = [`build.cacheDirectory=${cacheDirectory}`, ...(options.set ?? [])];
    const child = fork(
      path.join(root, 'cli/bin/sledge.js'),
      ['start', '-c', config, '--ready-file', readyFile, ...set.flatMap((one) => ['--set', one])],
      {
        cwd: root,
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        execArgv: ['--expose-gc', '-r', path.join(__dirname, 'probe.cjs')],
        env: { ...process.env, ...options.environment },
      },
    );
    const server = new Server(child, folder, readyFile);
    await server.untilReady();
    return server;
  }

  get url(): string {
    return this.urls[0] ?? '';
  }

  /** Sends the signal and waits for the end. */
  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<{ code: number | null }> {
    if (this.process.exitCode === null) this.process.kill(signal);
    const end = await this.exited;
    rmSync(this.folder, { recursive: true, force: true });
    return end;
  }

  /** Bytes on the JavaScript heap after a collection. */
  heapBytes(): Promise<number> {
    return new Promise((resolve) => {
      this.process.once('message', ({ heapUsed }: { heapUsed: number }) => resolve(heapUsed));
      this.process.send('heap');
    });
  }

  descriptors(): number {
    return readdirSync(`/proc/${this.process.pid}/fd`).length;
  }

  /** Lines of its memory map; `of` selects by a part of the line. */
  mappings(of = ''): number {
    const maps = readFileSync(`/proc/${this.process.pid}/maps`, 'utf8');
    return maps.split('\n').filter((line) => line !== '' && line.includes(of)).length;
  }

  residentBytes(): number {
    const status = readFileSync(`/proc/${this.process.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1_024;
  }

  private async untilReady(): Promise<void> {
    const limit = Date.now() + READY_MS;
    while (!existsSync(this.readyFile)) {
      if (this.process.exitCode !== null || Date.now() > limit) {
        throw new Error(`the server did not start:\n${this.log}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const ready = JSON.parse(readFileSync(this.readyFile, 'utf8')) as {
      pid: number;
      listeners: { transport: string; tenant: string; url: string }[];
    };
    if (ready.pid !== this.process.pid) throw new Error('the ready file names another process');
    this.urls = ready.listeners.map(({ url }) => url);
  }
}

export interface FunctionOptions {
  name: string;
  route?: string;
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
    return { path: file, route: `/${options.name}`, ...options };
  });
  return {
    transports: [['http', {}]],
    tenants: [{ name: 'test', port: 0, functions: list }],
    ...more,
  };
}
