import type {
  ListenerInfo,
  RpcServer,
  TenantView,
  TransportHost,
  TransportInstance,
} from '@sledge/core';
import type { Logger } from 'pino';
import { checkClientPort, isServed, planListeners, type PlannedListener } from './listeners';
import type { ErpcOptions } from './options';

/** The `erpc` transport: native pollers, which need JavaScript only to begin and to end. */
export class ErpcTransport implements TransportInstance {
  #planned: readonly PlannedListener[] = [];
  #server: RpcServer | undefined;
  #unsubscribe: readonly ((() => void) | undefined)[] = [];
  /** As they are served now. */
  #served = new Map<string, TenantView>();

  constructor(
    private readonly options: ErpcOptions,
    private readonly host: TransportHost,
    private readonly logger: Logger,
  ) {}

  /** @throws SledgeError SLEDGE_ERR_RPC_LISTEN, SLEDGE_ERR_RPC_ROUTES; then nothing listens. */
  async start(): Promise<void> {
    const { cores, idle, spinUs, responseFormat: format } = this.options;
    const isInline = this.options.pollers === 'inline';
    const pollers = this.options.pollers === 'inline' ? 1 : this.options.pollers;
    this.#planned = planListeners(this.options, this.host.tenants());
    const listeners = this.#planned.map(({ options }) => options);
    this.#server = this.host.serveRpc(
      { listeners, pollers, isInline, cores, idle, spinUs, format },
      (line) => this.logger.warn(line),
    );
    this.#unsubscribe = [
      this.host.onTenantsChanged((tenants) => this.#apply(tenants)),
      this.host.onTenantChanging?.(async (tenant) => this.#check(tenant)),
    ];
  }

  /** What comes is refused; resolves when all that was in flight has been answered. */
  async drain(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe?.();
    await this.#server?.drain();
  }

  /** Cancels what is left; sessions end with their listener. */
  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe?.();
    this.#server?.stop();
    this.#server = undefined;
  }

  listeners(): readonly ListenerInfo[] {
    const ports = this.#server?.ports ?? [];
    return this.#planned.flatMap(({ tenants, options }, at) =>
      tenants.map((tenant) => ({
        transport: 'erpc',
        tenant,
        url: `erpc://${options.advertiseHost || options.host}:${ports[at]}`,
      })),
    );
  }

  /** Of all pollers and listeners, by the names of docs/reference/erpc.md. */
  stats(): Record<string, number> {
    return this.#server?.counters() ?? {};
  }

  /** It would not start again with it. @throws SledgeError SLEDGE_ERR_RPC_ROUTES. */
  #check(tenant: TenantView): () => Promise<void> {
    if (this.options.tenantBy === 'clientPort' && isServed(this.options, tenant)) {
      const port = checkClientPort(tenant);
      const before = this.host.tenants().find(({ name }) => name === tenant.name);
      if (before !== undefined && before.port !== port) {
        this.logger.warn({ tenant: tenant.name, port }, 'tells its clients after a restart only');
      }
    }
    return async () => undefined;
  }

  /** Functions come and go; a tenant that is new needs a restart to get its listener. */
  #apply(tenants: readonly TenantView[]): void {
    const byName = new Map(tenants.map((tenant) => [tenant.name, tenant]));
    this.#planned.forEach((listener, at) =>
      listener.tenants.forEach((name, tenant) => {
        const view = byName.get(name);
        if (view !== undefined && view === this.#served.get(name)) return;
        this.#server?.setFunctions(at, tenant, view?.functions ?? []);
      }),
    );
    this.#served = byName;
    const known = new Set(this.#planned.flatMap((listener) => listener.tenants));
    for (const { name, functions } of tenants) {
      if (known.has(name) || functions.every((fn) => fn.requestType === undefined)) continue;
      this.logger.warn({ tenant: name }, 'is served over RPC after a restart only');
    }
  }
}
