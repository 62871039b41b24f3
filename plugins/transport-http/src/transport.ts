import type { ListenerInfo, TenantView, TransportHost, TransportInstance } from '@sledge/core';
import type { Logger } from 'pino';
import { Addresses } from './addresses';
import type { Arrivals } from './arrivals';
import { BodyRoom } from './body-room';
import { Listener, type Shared } from './listener';
import type { HttpOptions } from './options';

/** The `http` transport: a listener for each address, kept in step with the tenants. */
export class HttpTransport implements TransportInstance {
  readonly #addresses: Addresses;
  readonly #shared: Shared;
  #unsubscribe: readonly ((() => void) | undefined)[] = [];
  /** Changes are applied one after another. */
  #changes: Promise<unknown> = Promise.resolve();

  constructor(
    options: HttpOptions,
    private readonly host: TransportHost,
    logger: Logger,
    arrivals: Arrivals,
  ) {
    this.#shared = { arrivals, room: new BodyRoom(options.maxBodiesBytes) };
    const make = (tenants: readonly TenantView[], port?: number): Listener =>
      new Listener(options, host, logger, tenants, this.#shared, port);
    this.#addresses = new Addresses(options.host, make, logger);
  }

  /** @throws SledgeError SLEDGE_ERR_HTTP_LISTEN; then nothing listens. */
  async start(): Promise<void> {
    const all = this.host.tenants();
    this.#shared.room.isShared = all.length > 1;
    try {
      await this.#addresses.open(all);
    } catch (error) {
      await this.stop();
      throw error;
    }
    const changed = this.host.onTenantsChanged((tenants) =>
      this.#inTurn(() => {
        this.#shared.room.isShared = tenants.length > 1;
        return this.#addresses.apply(tenants);
      }),
    );
    const changing = this.host.onTenantChanging?.((tenant) =>
      this.#inTurn(() => this.#reserve(tenant)),
    );
    this.#unsubscribe = [changed, changing];
  }

  /** Stops accepting; resolves when every request has its answer and every connection ended. */
  async drain(): Promise<void> {
    await this.#endChanges();
    await this.#addresses.drain();
  }

  /** Cuts what is left. */
  async stop(): Promise<void> {
    await this.#endChanges();
    await this.#addresses.stop();
  }

  listeners(): readonly ListenerInfo[] {
    return [...this.#addresses.served.values()].flatMap(({ served, url }) =>
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
    for (const listener of this.#addresses.served.values()) {
      for (const [name, value] of Object.entries(listener.guard.stats())) {
        const before = all[name];
        const isMoment = name === 'tls_not_after_seconds';
        all[name] =
          before === undefined ? value : isMoment ? Math.min(before, value) : before + value;
      }
    }
    return all;
  }

  async #reserve(tenant: TenantView): Promise<() => Promise<void>> {
    const giveBack = await this.#addresses.reserve(tenant);
    return () => this.#inTurn(giveBack);
  }

  /** What fails is its caller's; the next change begins all the same. */
  #inTurn<Of>(change: () => Promise<Of>): Promise<Of> {
    const done = this.#changes.then(change);
    this.#changes = done.catch(() => undefined);
    return done;
  }

  async #endChanges(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe?.();
    await this.#changes;
  }
}
