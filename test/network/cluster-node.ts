import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { askAdmin, type MetricReport } from '@sledge/core/host';
import type { Namespaces } from '../support/namespaces';

const root = path.join(__dirname, '../..');
export const HTTP_PORT = 8080;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A node of the cluster in a namespace of its own, behind a link that may be cut. */
export class ClusterNode {
  #process: ChildProcess | undefined;
  #control = '';

  constructor(
    readonly number: number,
    private readonly place: { hosts: Namespaces; namespace: string; folder: string },
    private readonly natsPort: number,
  ) {}

  /** As its clients in the hub reach it. */
  get url(): string {
    return `http://10.77.${this.number}.2:${HTTP_PORT}`;
  }

  async start(): Promise<void> {
    const { hosts, namespace } = this.place;
    const [configFile, ready] = [this.file('json'), this.file('ready')];
    rmSync(ready, { force: true });
    writeFileSync(configFile, JSON.stringify(this.config()));
    const cli = path.join(root, 'cli/bin/sledge.js');
    const flags = ['start', '-c', configFile, '--ready-file', ready];
    const command = hosts.inside(namespace, process.execPath, cli, ...flags);
    const child = spawn(...command, { stdio: 'ignore' });
    this.#process = child;
    while (!existsSync(ready)) {
      if (child.exitCode !== null) {
        throw new Error(`node ${this.number} ended with ${child.exitCode}`);
      }
      await pause(20);
    }
    this.#control = (JSON.parse(readFileSync(ready, 'utf8')) as { control: string }).control;
  }

  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  setLink(state: 'up' | 'down'): void {
    execFileSync('ip', ['-n', this.place.namespace, 'link', 'set', 'eth0', state]);
  }

  ask(method: 'GET' | 'POST', at: string, body?: unknown): Promise<unknown> {
    return askAdmin(this.#control, { method, path: at, body, idleMs: 60_000 });
  }

  /** Of its placement since it was started; what it does not say is 0. */
  async placed(metric: string): Promise<number> {
    const metrics = (await this.ask('GET', '/metrics.json')) as MetricReport[];
    const samples = metrics.find(({ name }) => name === metric)?.samples ?? [];
    return samples.reduce((sum, { value }) => sum + Number(value), 0);
  }

  private file(end: string): string {
    return path.join(this.place.folder, `${this.number}.${end}`);
  }

  private config(): object {
    const name = { node: `node-${this.number}`, reconnectWaitMs: 50, pingIntervalMs: 500 };
    const common = { servers: [`nats://10.77.${this.number}.1:${this.natsPort}`], ...name };
    const durable = { ackWaitMs: 2_000, backoffMs: 50 };
    const fib = { name: 'fib', path: path.join(root, 'functions/fibonacci.wasm'), route: '/fib' };
    return {
      transports: [
        ['http', { host: '0.0.0.0' }],
        ['nats', { ...common, durable, peers: { silenceMs: 1_000 } }],
      ],
      registry: ['nats', { ...common, heartbeatMs: 200, maxModulesBytes: 64 << 20 }],
      placement: path.join(__dirname, 'web-away.ts'),
      ...{ workers: { count: 1 }, arena: { slots: 64 }, store: { path: this.file('db') } },
      build: { cacheDirectory: path.join(root, '.cache/e2e'), level: 'development' },
      tenants: [
        { name: 'acme', functions: [fib] },
        { name: 'web', port: HTTP_PORT, functions: [fib] },
      ],
    };
  }
}
