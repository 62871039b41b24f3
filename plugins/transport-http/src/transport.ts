import { SledgeError } from '@sledge/core';
import type { ListenerInfo, TenantView, TransportHost, TransportInstance } from '@sledge/core';
import type { Logger } from 'pino';
import type { Arrivals } from './arrivals';
import { BodyRoom } from './body-room';
import { Listener, type Shared } from './listener';
import type { HttpOptions } from './options';

/** The `http` transport: a listener for each address, kept in step with the tenants. */
export class HttpTransport implements TransportInstance {
  /** By address. */
  readonly #listeners = new Map<string, Listener>();
  /** No tenant's any more, but with answers to finish. */
  readonly #closing = new Set<Listener>();
  readonly #shared: Shared;
  #unsubscribe: (() => void) | undefined;
  /** Changes are applied one after another. */
  #changes: Promise<void> = Promise.resolve();

  constructor(
    private readonly options: HttpOptions,
    private readonly host: TransportHost,
    private readonly logger: Logger,
    arrivals: Arrivals,
  ) {
    this.#shared = { arrivals, room: new BodyRoom(options.maxBodiesBytes) };
  }

  /** @throws SledgeError SLEDGE_ERR_HTTP_LISTEN; then nothing listens. */
  async start(): Promise<void> {
    const all = this.host.tenants();
    this.#shared.room.isShared = all.length > 1;
    try {
      for (const [address, tenants] of byAddress(all)) {
        await this.#open(address, tenants);
      }
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#unsubscribe = this.host.onTenantsChanged((tenants) => {
      this.#changes = this.#changes.then(() => this.#apply(tenants));
      return this.#changes;
    });
  }

  /** Stops accepting; resolves when every request has its answer and every connection ended. */
  async drain(): Promise<void> {
    this.#unsubscribe?.();
    await this.#changes;
    await Promise.all([...this.#listeners.values()].map((listener) => listener.drain()));
  }

  /** Cuts what is left. */
  async stop(): Promise<void> {
    this.#unsubscribe?.();
    await this.#changes;
    const all = [...this.#listeners.values(), ...this.#closing];
    await Promise.all(all.map((listener) => listener.stop()));
    this.#listeners.clear();
  }

  listeners(): readonly ListenerInfo[] {
    return [...this.#listeners.values()].flatMap(({ served, url }) =>
      served.map(({ name, pathPrefix = '' }) => ({
        transport: 'http',
        tenant: name,
        url: url + pathPrefix,
      })),
    );
  }

  /** Of all listeners together; the certificate that ends first counts. */
  stats(): Record<string, number> {
    const all: Record<string, number> = {};
    for (const listener of this.#listeners.values()) {
      for (const [name, value] of Object.entries(listener.guard.stats())) {
        const before = all[name];
        const isMoment = name === 'tls_not_after_seconds';
        all[name] =
          before === undefined ? value : isMoment ? Math.min(before, value) : before + value;
      }
    }
    return all;
  }

  async #open(address: string, tenants: readonly TenantView[]): Promise<void> {
    const listener = new Listener(this.options, this.host, this.logger, tenants, this.#shared);
    await listener.listen();
    this.#listeners.set(address, listener);
  }

  /** A tenant that cannot be served is logged; the others are served all the same. */
  async #apply(tenants: readonly TenantView[]): Promise<void> {
    this.#shared.room.isShared = tenants.length > 1;
    const wanted = byAddress(tenants);
    for (const [address, listener] of this.#listeners) {
      const now = wanted.get(address);
      if (now === undefined || !listener.guard.fits(now)) this.#close(address, listener);
      else if (!isSame(now, listener.served)) this.#update(listener, now);
    }
    for (const [address, of] of wanted) {
      if (this.#listeners.has(address)) continue;
      try {
        await this.#open(address, of);
      } catch (error) {
        const code = error instanceof SledgeError ? error.code : undefined;
        const names = of.map(({ name }) => name).join(', ');
        this.logger.error({ err: error, code, tenant: names }, 'cannot listen');
      }
    }
  }

  /** With keys that cannot be read it goes on with those and the routes before. */
  #update(listener: Listener, tenants: readonly TenantView[]): void {
    try {
      listener.update(tenants);
    } catch (error) {
      const code = error instanceof SledgeError ? error.code : undefined;
      const names = tenants.map(({ name }) => name).join(', ');
      this.logger.error({ err: error, code, tenant: names }, 'cannot change a listener');
    }
  }

  /** Its port is free at once; requests in flight end behind it. */
  #close(address: string, listener: Listener): void {
    this.#listeners.delete(address);
    this.#closing.add(listener);
    listener
      .drain()
      .then(() => listener.stop())
      .catch((error: unknown) => this.logger.error({ err: error }, 'cannot close a listener'))
      .finally(() => this.#closing.delete(listener));
  }
}

/** Tenants by the address that they share; a port that is to be picked is one tenant's own. */
function byAddress(tenants: readonly TenantView[]): Map<string, TenantView[]> {
  const groups = new Map<string, TenantView[]>();
  for (const tenant of tenants) {
    const { name, port, host = '' } = tenant;
    if (port === undefined) continue;
    const address = port === 0 ? `${host}:0:${name}` : `${host}:${port}`;
    const group = groups.get(address) ?? [];
    group.push(tenant);
    groups.set(address, group);
  }
  return groups;
}

function isSame(some: readonly TenantView[], others: readonly TenantView[]): boolean {
  return some.length === others.length && some.every((one, at) => one === others[at]);
}
