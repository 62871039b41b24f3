import { lookup } from 'node:dns/promises';
import { isIPv4 } from 'node:net';
import { SledgeError } from '@sledge/core';
import type { TenantView } from '@sledge/core';
import type { Logger } from 'pino';
import type { Listener } from './listener';

/** A listener that does not listen yet; `port` stands for the tenants' own. */
type MakeListener = (tenants: readonly TenantView[], port?: number) => Listener;

/**
 * Which listener stands for which address. New addresses are open before old ones close, but for
 * those that overlap: there the old one is closed first, and opened again if the new one cannot be.
 * One call after another. Main thread.
 */
export class Addresses {
  /** By address, as `keyOf` names it. */
  readonly served = new Map<string, Listener>();
  /** Open for a tenant that is about to change. */
  readonly #reserved = new Map<string, Listener>();
  /** No tenant's any more, but with answers to finish. */
  readonly #leaving = new Map<Listener, Promise<void>>();
  /** Nothing opens any more. */
  #isEnding = false;

  /** @param host of tenants that name none */
  constructor(
    private readonly host: string,
    private readonly make: MakeListener,
    private readonly logger: Logger,
  ) {}

  /** @throws SledgeError SLEDGE_ERR_HTTP_LISTEN; those before listen on. */
  async open(tenants: readonly TenantView[]): Promise<void> {
    for (const [key, of] of this.#byAddress(tenants)) {
      if (!this.served.has(key)) this.served.set(key, await listening(this.make(of)));
    }
  }

  /**
   * Listens where a tenant is about to be served; what is served now stays.
   * @returns gives it back.
   * @throws SledgeError SLEDGE_ERR_HTTP_LISTEN, SLEDGE_ERR_TLS_FILES; then nothing has changed.
   */
  async reserve(tenant: TenantView): Promise<() => Promise<void>> {
    const key = this.#keyOf(tenant);
    if (key === undefined) return nothing;
    const there = this.served.get(key);
    if (there !== undefined) {
      const others = there.served.filter(({ name }) => name !== tenant.name);
      there.guard.fits([...others, tenant]);
      return nothing;
    }
    const own = [...this.served].find(([, listener]) => isAlone(tenant, listener));
    const host = tenant.host ?? this.host;
    if (own?.[1].host === host && own[1].guard.fits([tenant])) {
      this.#reserved.set(key, own[1]);
      return async () => void this.#reserved.delete(key);
    }
    const made = this.make([tenant]);
    if (own === undefined || !(await overlap(own[1], host))) {
      this.#reserved.set(key, await listening(made));
      return () => this.#giveBack(key, made);
    }
    const [before, old] = own;
    const { served, port } = old;
    await this.#replace(before, old, made);
    this.#reserved.set(key, made);
    return async () => {
      this.#reserved.delete(key);
      if (this.#isEnding) await made.stop();
      else await this.#replace(before, made, this.make(served, port));
    };
  }

  /** A tenant that cannot be served is logged; the others are served all the same. */
  async apply(tenants: readonly TenantView[]): Promise<void> {
    const wanted = this.#byAddress(tenants);
    for (const [key, listener] of this.#reserved) if (wanted.has(key)) this.#take(key, listener);
    const left: Promise<void>[] = [];
    for (const [key, listener] of this.served) {
      const now = wanted.get(key);
      if (now !== undefined && this.#update(listener, now)) continue;
      this.served.delete(key);
      left.push(this.#leave(listener, isServed(listener, tenants)));
    }
    await Promise.all(left);
    for (const [key, of] of wanted) {
      if (this.served.has(key)) continue;
      try {
        this.served.set(key, await listening(this.make(of)));
      } catch (error) {
        this.#tell(error, of, 'cannot listen');
      }
    }
  }

  /** Resolves when every request has its answer and every connection ended. */
  async drain(): Promise<void> {
    this.#isEnding = true;
    for (const listener of this.#leaving.keys()) void listener.drain();
    const open = [...new Set([...this.served.values(), ...this.#reserved.values()])];
    await Promise.all([...open.map((listener) => listener.drain()), ...this.#leaving.values()]);
  }

  async stop(): Promise<void> {
    this.#isEnding = true;
    const open = [...this.served.values(), ...this.#reserved.values(), ...this.#leaving.keys()];
    await Promise.all([...new Set(open)].map((listener) => listener.stop()));
    this.served.clear();
    this.#reserved.clear();
  }

  #take(key: string, listener: Listener): void {
    this.#reserved.delete(key);
    for (const [before, one] of this.served) if (one === listener) this.served.delete(before);
    this.served.set(key, listener);
  }

  async #giveBack(key: string, listener: Listener): Promise<void> {
    this.#reserved.delete(key);
    await this.#leave(listener, true);
  }

  /** `next` instead of `now`, on addresses that overlap; else `now`'s is opened again. */
  async #replace(key: string, now: Listener, next: Listener): Promise<void> {
    const { served, port } = now;
    await next.prepare();
    await now.release();
    try {
      this.served.set(key, await listening(next));
    } catch (error) {
      await this.#reopen(key, served, port);
      throw error;
    } finally {
      void this.#leave(now, true);
    }
  }

  /** @param port that it had, also where it had been picked */
  async #reopen(
    key: string,
    served: readonly TenantView[],
    port: number | undefined,
  ): Promise<void> {
    this.served.delete(key);
    try {
      this.served.set(key, await listening(this.make(served, port)));
    } catch (error) {
      this.#tell(error, served, 'cannot listen again: the next change of a tenant tries it anew');
    }
  }

  /** False: it needs another certificate. With keys that cannot be read it goes on as before. */
  #update(listener: Listener, tenants: readonly TenantView[]): boolean {
    try {
      if (!listener.guard.fits(tenants)) return false;
      if (!isSame(tenants, listener.served)) listener.update(tenants);
    } catch (error) {
      this.#tell(error, tenants, 'cannot change a listener');
    }
    return true;
  }

  /** Resolves when its port is free; what is in flight ends behind it. */
  async #leave(listener: Listener, isServedElsewhere: boolean): Promise<void> {
    const ended = isServedElsewhere ? listener.retire() : listener.drain();
    const left = ended
      .then(() => listener.stop())
      .catch((error: unknown) => this.logger.error({ err: error }, 'cannot close a listener'))
      .finally(() => this.#leaving.delete(listener));
    this.#leaving.set(listener, left);
    await listener.release();
  }

  #tell(error: unknown, tenants: readonly TenantView[], what: string): void {
    const code = error instanceof SledgeError ? error.code : undefined;
    const names = tenants.map(({ name }) => name).join(', ');
    this.logger.error({ err: error, code, tenant: names }, what);
  }

  /** Undefined: it has no listener. A port that is to be picked is one tenant's own. */
  #keyOf({ name, port, host = this.host }: TenantView): string | undefined {
    if (port === undefined) return undefined;
    return port === 0 ? `${host}:0:${name}` : `${host}:${port}`;
  }

  #byAddress(tenants: readonly TenantView[]): Map<string, TenantView[]> {
    const groups = new Map<string, TenantView[]>();
    for (const tenant of tenants) {
      const key = this.#keyOf(tenant);
      if (key === undefined) continue;
      const group = groups.get(key) ?? [];
      group.push(tenant);
      groups.set(key, group);
    }
    return groups;
  }
}

async function nothing(): Promise<void> {}

async function listening(listener: Listener): Promise<Listener> {
  try {
    await listener.listen();
    return listener;
  } catch (error) {
    await listener.stop();
    throw error;
  }
}

/** It listens on the port that the tenant wants, for that tenant alone. */
function isAlone({ name, port }: TenantView, listener: Listener): boolean {
  return listener.port === port && listener.served.every((one) => one.name === name);
}

function isServed({ served }: Listener, tenants: readonly TenantView[]): boolean {
  return served.some(({ name }) =>
    tenants.some((one) => one.name === name && one.port !== undefined),
  );
}

/** The system would refuse the host's addresses on the listener's port. */
async function overlap({ bound }: Listener, host: string): Promise<boolean> {
  const wanted = await lookup(host, { all: true }).catch(() => []);
  return wanted.some(({ address }) => bound.some((one) => meet(one, address)));
}

function meet(one: string, other: string): boolean {
  if (one === other || one === '::' || other === '::') return true;
  const any = '0.0.0.0';
  return (one === any && isIPv4(other)) || (other === any && isIPv4(one));
}

function isSame(some: readonly TenantView[], others: readonly TenantView[]): boolean {
  return some.length === others.length && some.every((one, at) => one === others[at]);
}
