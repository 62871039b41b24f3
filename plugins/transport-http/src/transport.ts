import { SledgeError } from '@sledge/core';
import type { ListenerInfo, TenantView, TransportHost, TransportInstance } from '@sledge/core';
import type { Logger } from 'pino';
import { Listener } from './listener';
import type { HttpOptions } from './options';

/** The `http` transport: a listener per tenant that has a port, kept in step with the tenants. */
export class HttpTransport implements TransportInstance {
  readonly #listeners = new Map<string, Listener>();
  /** No tenant's any more, but with answers to finish. */
  readonly #closing = new Set<Listener>();
  #unsubscribe: (() => void) | undefined;
  /** Changes are applied one after another. */
  #changes: Promise<void> = Promise.resolve();

  constructor(
    private readonly options: HttpOptions,
    private readonly host: TransportHost,
    private readonly logger: Logger,
  ) {}

  /** @throws SledgeError SLEDGE_ERR_HTTP_LISTEN; then nothing listens. */
  async start(): Promise<void> {
    try {
      for (const tenant of this.host.tenants()) await this.#open(tenant);
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
    return [...this.#listeners].map(([tenant, { url }]) => ({ transport: 'http', tenant, url }));
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

  async #open(tenant: TenantView): Promise<void> {
    if (tenant.port === undefined) return;
    const listener = new Listener(this.options, this.host, this.logger, tenant);
    await listener.listen();
    this.#listeners.set(tenant.name, listener);
  }

  /** A tenant that cannot be served is logged; the others are served all the same. */
  async #apply(tenants: readonly TenantView[]): Promise<void> {
    const byName = new Map(tenants.map((tenant) => [tenant.name, tenant]));
    for (const [name, listener] of this.#listeners) {
      const tenant = byName.get(name);
      if (tenant === undefined || !listener.listensFor(tenant)) this.#close(name, listener);
      else if (!listener.serves(tenant)) this.#update(listener, tenant);
    }
    for (const tenant of tenants) {
      if (this.#listeners.has(tenant.name)) continue;
      try {
        await this.#open(tenant);
      } catch (error) {
        const code = error instanceof SledgeError ? error.code : undefined;
        this.logger.error({ err: error, code, tenant: tenant.name }, 'cannot listen');
      }
    }
  }

  /** With keys that cannot be read it goes on with those and the routes before. */
  #update(listener: Listener, tenant: TenantView): void {
    try {
      listener.update(tenant);
    } catch (error) {
      const code = error instanceof SledgeError ? error.code : undefined;
      this.logger.error({ err: error, code, tenant: tenant.name }, 'cannot change a listener');
    }
  }

  /** Its port is free at once; requests in flight end behind it. */
  #close(name: string, listener: Listener): void {
    this.#listeners.delete(name);
    this.#closing.add(listener);
    listener
      .drain()
      .then(() => listener.stop())
      .catch((error: unknown) => this.logger.error({ err: error }, 'cannot close a listener'))
      .finally(() => this.#closing.delete(listener));
  }
}
