import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SledgeError } from '@sledge/core';
import type { ClusterAnswer, ClusterReport, NodeReport } from '@sledge/core/host';
import { askAdmin } from '@sledge/core/host';
import type { NatsServer } from '../support/nats-server';
import { Server } from './server';
import { moduleMaker } from './versions';

export const answering = moduleMaker('answers.wat');

/** A real server that is a node of a cluster, with a store that outlives it. */
export class Node {
  #server: Server | undefined;
  private readonly kept = mkdtempSync(path.join(tmpdir(), 'sledge-node-'));

  private constructor(
    readonly name: string,
    private readonly nats: NatsServer,
    private readonly more: object,
  ) {}

  /** @param more of the configuration. */
  static async start(name: string, nats: NatsServer, more: object = {}): Promise<Node> {
    const node = new Node(name, nats, more);
    await node.start();
    return node;
  }

  async start(): Promise<void> {
    const file = path.join(this.kept, 'f.wasm');
    writeFileSync(file, answering('v0'));
    // of a machine that stands still for some seconds no node is lost
    const options = { servers: [this.nats.url], node: this.name, heartbeatMs: 2_000 };
    this.#server = await Server.start({
      config: {
        transports: [
          ['http', {}],
          ['nats', { servers: options.servers, node: this.name }],
        ],
        arena: { slots: 64 },
        build: { level: 'development', parallel: 1 },
        store: { path: path.join(this.kept, 'store.db') },
        registry: ['nats', { ...options, reconnectWaitMs: 50, maxModulesBytes: 64 << 20 }],
        tenants: [{ name: 'test', port: 0, functions: [{ name: 'f', path: file, route: '/f' }] }],
        ...this.more,
      },
    });
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.server.stop(signal);
  }

  get server(): Server {
    if (this.#server === undefined) throw new Error(`${this.name} was not started`);
    return this.#server;
  }

  async text(route = '/f'): Promise<string> {
    const answer = await fetch(`${this.server.url}${route}`);
    return (await answer.text()).trim().slice(0, 200);
  }

  ask(method: 'GET' | 'PUT' | 'POST' | 'DELETE', at: string, body?: unknown): Promise<unknown> {
    return askAdmin(this.server.control, { method, path: at, body, idleMs: 120_000 });
  }

  async deploy(text: string, name = 'f', query = ''): Promise<ClusterAnswer> {
    const path = `/cluster/tenants/test/functions/${name}/versions?${query}`;
    return (await this.ask('POST', path, answering(text))) as ClusterAnswer;
  }

  /** None while the registry is away. */
  async nodes(): Promise<NodeReport[]> {
    const asked = this.ask('GET', '/cluster/nodes') as Promise<NodeReport[]>;
    return asked.catch((error: unknown) => {
      if (error instanceof SledgeError && error.code === 'SLEDGE_ERR_CLUSTER_AWAY') return [];
      throw error;
    });
  }

  async registry(): Promise<ClusterReport> {
    return ((await this.ask('GET', '/status')) as { registry: ClusterReport }).registry;
  }
}
