import type { NatsConnection } from '@nats-io/transport-node';
import type { ListenerInfo, TenantView, TransportHost, TransportInstance } from '@sledge/core';
import { NatsLink, type NatsCredentials } from '@sledge/nats-connection';
import type { Logger } from 'pino';
import { TenantEndpoint } from './endpoint';
import { JobQueue } from './job-queue';
import { ServingNode } from './node';
import type { TransportOptions } from './options';
import { NatsPeers } from './peers/nats-peers';

/** So long a start waits for what is there; later is no failure. */
const CONNECT_WAIT_MS = 500;

interface Tenant {
  readonly endpoint: TenantEndpoint;
  readonly jobs: JobQueue | undefined;
  readonly link: NatsLink;
  readonly unsubscribe: () => void;
}

/**
 * The `nats` transport. It starts whether NATS is there or not: subscriptions come with the
 * connection, and again with each new one. Main thread.
 */
export class NatsTransport implements TransportInstance {
  readonly #node: ServingNode;
  /** One for all tenants, or one for each that has credentials of its own. */
  readonly #links = new Map<string, NatsLink>();
  readonly #tenants = new Map<string, Tenant>();
  /** No tenant's any more, but with answers to finish. */
  readonly #closing = new Set<Promise<void>>();
  #unsubscribe: readonly ((() => void) | undefined)[] = [];
  #peers: NatsPeers | undefined;
  #isTaking = true;
  /** Nobody has said since it started whether it may take work. */
  #isHeld = false;

  constructor(
    private readonly options: TransportOptions,
    private readonly host: TransportHost,
    private readonly logger: Logger,
  ) {
    this.#node = new ServingNode(options.node, options, host);
  }

  /** @throws SledgeError SLEDGE_ERR_NATS_CREDENTIALS for a file that cannot be used. */
  async start(): Promise<void> {
    this.#isHeld = !this.#isTaking;
    this.#peers = this.#openPeers();
    this.#peers?.setTakingWork(this.#isTaking);
    for (const { name } of this.#served()) this.#linkOf(name);
    this.#apply(this.host.tenants());
    this.#unsubscribe = [
      this.host.onTenantsChanged((tenants) => this.#apply(tenants)),
      this.host.onTenantChanging?.(async ({ name }) => this.#reserve(name)),
    ];
    const { connectTimeoutMs } = this.options;
    const waitMs = Math.min(CONNECT_WAIT_MS, connectTimeoutMs);
    const links = [...this.#links.values()];
    await Promise.all(links.map((link) => link.connected(waitMs).catch(() => undefined)));
  }

  /** Takes nothing more; resolves when requests are answered and work is done or given back. */
  async drain(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe?.();
    this.#node.isDraining = true;
    this.#peers?.setTakingWork(false);
    await Promise.all([...this.#tenants.values()].map(drainTenant));
    await Promise.all(this.#closing);
    await Promise.all([...this.#links.values()].map((link) => link.drain()));
  }

  /** Connections stay: it can be asked to take work again. */
  async setTakingWork(isTaking: boolean): Promise<void> {
    this.#isTaking = isTaking;
    this.#isHeld = false;
    this.#peers?.setTakingWork(isTaking);
    if (isTaking) return this.#apply(this.host.tenants());
    const open = [...this.#tenants.values()];
    this.#tenants.clear();
    const closing = Promise.all(open.map(drainTenant)).then(() => undefined);
    this.#closing.add(closing);
    await closing.finally(() => this.#closing.delete(closing));
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe?.();
    this.#node.isDraining = true;
    this.#peers?.close();
    await Promise.all([...this.#links.values()].map((link) => link.close()));
  }

  listeners(): readonly ListenerInfo[] {
    const [server = ''] = this.options.servers;
    const common = { transport: 'nats', url: withoutUser(server) };
    const names = this.#isHeld ? this.#served().map(({ name }) => name) : [...this.#tenants.keys()];
    return names.map((tenant) => {
      if (this.#links.get(this.#keyOf(tenant))?.state !== 'connected') {
        return { ...common, tenant, state: 'connecting' };
      }
      return this.#isHeld ? { ...common, tenant, state: 'joining' } : { ...common, tenant };
    });
  }

  /** By the names of docs/reference/nats.md. */
  stats(): Record<string, number> {
    const links = [...this.#links.values()];
    const tenants = [...this.#tenants.values()];
    return {
      ...this.#node.counted,
      connections: links.length,
      connected: links.filter(({ state }) => state === 'connected').length,
      reconnects: links.reduce((sum, { reconnects }) => sum + reconnects, 0),
      in_flight: this.#node.inFlight,
      jobs_in_flight: tenants.reduce((sum, { jobs }) => sum + (jobs?.inFlight ?? 0), 0),
    };
  }

  #apply(tenants: readonly TenantView[]): void {
    if (!this.#isTaking) return;
    const wanted = new Map(tenants.map((tenant) => [tenant.name, tenant]));
    for (const [name, tenant] of this.#tenants) {
      if (!wanted.has(name)) this.#close(name, tenant);
    }
    for (const tenant of tenants) {
      const known = this.#tenants.get(tenant.name);
      if (known !== undefined) update(known, tenant);
      else if (this.#serves(tenant.name)) this.#open(tenant);
    }
  }

  /** With the credentials that it will need. @throws SledgeError SLEDGE_ERR_NATS_CREDENTIALS. */
  #reserve(tenant: string): () => Promise<void> {
    const key = this.#keyOf(tenant);
    const isNew = this.#serves(tenant) && !this.#links.has(key);
    const link = isNew ? this.#linkOf(tenant) : undefined;
    return async () => {
      if (link === undefined || this.#tenants.has(tenant)) return;
      this.#links.delete(key);
      await link.close();
    };
  }

  #openPeers(): NatsPeers | undefined {
    const { peers } = this.options;
    if (peers === undefined) return undefined;
    const load = () => this.#node.load();
    const linkOf = (tenant: string) => this.#tenants.get(tenant)?.link;
    const made = new NatsPeers({ ...peers, node: this.#node.name, load, linkOf });
    this.host.connectPeers?.(made);
    return made;
  }

  #served(): TenantView[] {
    return this.host.tenants().filter(({ name }) => this.#serves(name));
  }

  #serves(tenant: string): boolean {
    return this.options.tenants === undefined || Object.hasOwn(this.options.tenants, tenant);
  }

  #open(view: TenantView): void {
    const { name } = view;
    const link = this.#linkOf(name);
    const endpoint = new TenantEndpoint(name, this.#node);
    endpoint.update(view);
    const jobs = this.#jobsOf(name, endpoint);
    const unsubscribe = link.onConnected((connection: NatsConnection) => {
      endpoint.connect(connection);
      jobs?.connect(connection);
    });
    this.#tenants.set(name, { endpoint, jobs, link, unsubscribe });
  }

  #jobsOf(tenant: string, endpoint: TenantEndpoint): JobQueue | undefined {
    const { durable } = this.options;
    if (durable === undefined) return undefined;
    const { logger } = this;
    const hasAny = () => endpoint.functions.size > 0;
    const find = (fn: string) => endpoint.functions.get(fn);
    return new JobQueue({ tenant, node: this.#node, options: durable, logger, hasAny, find });
  }

  /** Of its link. */
  #keyOf(tenant: string): string {
    return this.options.tenants?.[tenant]?.credentials === undefined ? '' : tenant;
  }

  #linkOf(tenant: string): NatsLink {
    const own = this.options.tenants?.[tenant]?.credentials;
    const key = this.#keyOf(tenant);
    const known = this.#links.get(key);
    if (known !== undefined) return known;
    const link = this.#connect(own ?? this.options.credentials);
    this.#links.set(key, link);
    return link;
  }

  #connect(credentials: NatsCredentials | undefined): NatsLink {
    const name = `sledge ${this.#node.name}`;
    const link = NatsLink.open({ ...this.options, credentials }, { name, logger: this.logger });
    link.onConnected((connection) => this.#peers?.connect(connection));
    return link;
  }

  #close(name: string, tenant: Tenant): void {
    this.#tenants.delete(name);
    // one of this name that comes meanwhile connects anew
    const isOwn = this.#links.delete(name);
    const closing = drainTenant(tenant)
      .then(async () => (isOwn ? tenant.link.drain() : undefined))
      .catch((error: unknown) => this.logger.error({ err: error, tenant: name }, 'cannot close'))
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

function update({ endpoint, jobs }: Tenant, view: TenantView): void {
  endpoint.update(view);
  jobs?.update();
}

async function drainTenant({ endpoint, jobs, unsubscribe }: Tenant): Promise<void> {
  unsubscribe();
  await Promise.all([endpoint.drain(), jobs?.drain()]);
}

function withoutUser(url: string): string {
  return url.replace(/^([a-z]+:\/\/)?.*@/i, '$1');
}
