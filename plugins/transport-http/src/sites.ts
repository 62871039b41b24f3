import type { TenantView } from '@sledge/core';
import { RouteTable } from './routes';

const PORT = /:[0-9]*$/;

/**
 * Whose functions a listener serves, by Host name: the name itself, else a wildcard over its first
 * label, else tenants that name no hosts. Immutable: a listener swaps it for another.
 */
export class Sites {
  readonly #byName = new Map<string, RouteTable>();
  readonly #others: RouteTable | undefined;

  /** @param environ Joined environ entries of the listener. */
  constructor(tenants: readonly TenantView[], environ: string) {
    const byName = new Map<string, TenantView[]>();
    const others: TenantView[] = [];
    for (const tenant of tenants) {
      if (tenant.hostNames === undefined) others.push(tenant);
      for (const name of tenant.hostNames ?? []) {
        const list = byName.get(name) ?? [];
        list.push(tenant);
        byName.set(name, list);
      }
    }
    for (const [name, of] of byName) this.#byName.set(name, new RouteTable(of, environ));
    if (others.length > 0 || byName.size === 0) this.#others = new RouteTable(others, environ);
  }

  /**
   * @param host Of the request, with its port or without; undefined: it names none.
   * @returns undefined when no tenant here answers for that name.
   */
  find(host: string | undefined): RouteTable | undefined {
    if (this.#byName.size === 0 || host === undefined) return this.#others;
    const name = host.replace(PORT, '').toLowerCase();
    const exact = this.#byName.get(name);
    if (exact !== undefined) return exact;
    const dot = name.indexOf('.');
    const wildcard = dot > 0 ? this.#byName.get(`*${name.slice(dot)}`) : undefined;
    return wildcard ?? this.#others;
  }
}
