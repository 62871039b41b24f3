import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import type { BenchContext } from './area';
import { CLI } from './sledge';

const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 10_000;
const POLL_MS = 20;

/** A server under load. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly url: string;

  constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.url = `http://127.0.0.1:${port}/`;
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Takes no CPU time until it is resumed. */
  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  /** Asks it to end, and ends it after ten seconds. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_LIMIT_MS);
    await ended;
    clearTimeout(timer);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function poll<T>(what: string, child: ChildProcess, probe: () => Promise<T | undefined>) {
  const limit = Date.now() + START_LIMIT_MS;
  while (Date.now() < limit) {
    if (child.exitCode !== null) throw new Error(`${what} ended with ${child.exitCode}`);
    const result = await probe();
    if (result !== undefined) return result;
    await delay(POLL_MS);
  }
  child.kill('SIGKILL');
  throw new Error(`${what} does not serve`);
}

/** A bare fastify handler; with a module, a fresh V8 instance for each request. */
export async function startFastify(wasmPath?: string): Promise<ServerProcess> {
  const script = join(__dirname, 'runners/fastify-server.js');
  const args = wasmPath === undefined ? [script] : [script, wasmPath];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return new ServerProcess(child, Number(line));
}

const WORKER_SCRIPT = `import module from 'function.wasm';
const imports = { wasi_snapshot_preview1: { proc_exit() {} } };
export default {
  fetch() {
    new WebAssembly.Instance(module, imports).exports._start();
    return new Response('', { headers: { 'content-type': 'text/plain' } });
  },
};
`;

const workerdConfig = (port: number): string => `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]
);
const worker :Workerd.Worker = (
  modules = [
    (name = "worker.mjs", esModule = embed "worker.mjs"),
    (name = "function.wasm", wasm = embed "function.wasm")
  ],
  compatibilityDate = "2026-01-01"
);
`;

/** workerd with the same module, a fresh instance for each request. */
export async function startWorkerd(
  context: BenchContext,
  wasmPath: string,
): Promise<ServerProcess> {
  const folder = join(context.cacheDirectory, 'workerd');
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  writeFileSync(join(folder, 'worker.mjs'), WORKER_SCRIPT);
  writeFileSync(join(folder, 'function.wasm'), readFileSync(wasmPath));
  writeFileSync(join(folder, 'config.capnp'), workerdConfig(port));
  const binary = require.resolve('workerd').replace(/lib\/main\.js$/, 'bin/workerd');
  const child = spawn(binary, ['serve', join(folder, 'config.capnp')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const server = new ServerProcess(child, port);
  await poll('workerd', child, () => fetch(server.url).then(drainAnswer, () => undefined));
  return server;
}

async function drainAnswer(response: Response): Promise<true> {
  await response.arrayBuffer();
  return true;
}

interface ReadyFile {
  listeners: { transport: string; url: string }[];
  admin?: string[];
}

/** `sledge start` with one function at `/`, everything else as by default. */
export async function startSledge(context: BenchContext, wasmPath: string): Promise<ServerProcess> {
  const functions = [{ name: 'empty', path: wasmPath, route: '/' }];
  const config = { tenants: [{ name: 'bench', port: 0, functions }] };
  return (await startSledgeAs(context, config)).server;
}

/** `sledge start` with this configuration, and the port of each of its transports. */
export async function startSledgeAs(
  context: BenchContext,
  config: object,
): Promise<{ server: ServerProcess; ports: Record<string, number>; admin: string | undefined }> {
  const folder = join(context.cacheDirectory, 'sledge');
  mkdirSync(folder, { recursive: true });
  const configPath = join(folder, 'sledge.config.json');
  const readyPath = join(folder, `ready-${process.pid}.json`);
  rmSync(readyPath, { force: true });
  writeFileSync(configPath, JSON.stringify(config));
  const args = [CLI, 'start', '-c', configPath, '--ready-file', readyPath];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const { listeners, admin } = await poll('sledge', child, async () => {
    if (!existsSync(readyPath)) return undefined;
    return JSON.parse(readFileSync(readyPath, 'utf8')) as ReadyFile;
  });
  const ports = Object.fromEntries(
    listeners.map(({ transport, url }) => [transport, Number(new URL(url).port)]),
  );
  return { server: new ServerProcess(child, ports['http'] ?? 0), ports, admin: admin?.[0] };
}
