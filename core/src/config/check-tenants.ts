import { problem } from './describe-issues';
import type { Problem } from './describe-issues';
import { listAt } from './raw-input';
import type { Fields } from './raw-input';

/**
 * What no schema of a single value can say: names, ports, routes and request types that stand
 * twice. Works on the input as written, so that these problems come with all others.
 */
export function checkTenants(input: unknown): Problem[] {
  const tenants = listAt(input, 'tenants');
  const problems: Problem[] = [];
  unique(
    problems,
    tenants.map((tenant, index) => seen(tenant.name, ['tenants', index, 'name'])),
  );
  checkPorts(problems, tenants);
  tenants.forEach((tenant, index) => {
    const functions = listAt(tenant, 'functions');
    const keys = (inner: number, key: string) => ['tenants', index, 'functions', inner, key];
    unique(
      problems,
      functions.map((fn, inner) => seen(fn.name, keys(inner, 'name'))),
    );
    checkRoutes(problems, functions, index);
    unique(
      problems,
      functions.map((fn, inner) => seen(fn.requestType, keys(inner, 'requestType'))),
    );
  });
  return problems;
}

interface Seen {
  value: unknown;
  keys: readonly PropertyKey[];
}

function seen(value: unknown, keys: readonly PropertyKey[]): Seen {
  return { value, keys };
}

function unique(problems: Problem[], entries: readonly Seen[]): void {
  const first = new Map<unknown, Problem>();
  for (const { value, keys } of entries) {
    if (value === undefined) continue;
    const before = first.get(value);
    if (before === undefined) first.set(value, problem(keys, ''));
    else problems.push(problem(keys, `${JSON.stringify(value)} is taken by ${before.path}`));
  }
}

type TenantAddress = Readonly<
  Partial<Record<'port' | 'host' | 'hostNames' | 'pathPrefix', unknown>>
>;

/** Two tenants on one port must differ in Host names or in their prefix. */
function checkPorts(problems: Problem[], tenants: readonly Fields[]): void {
  tenants.forEach((tenant, index) => {
    for (const [other, before] of tenants.slice(0, index).entries()) {
      const message = portConflict(tenant, before, `tenants[${other}].port`);
      if (message === undefined) continue;
      problems.push(problem(['tenants', index, 'port'], message));
      return;
    }
  });
}

/**
 * Why two tenants cannot both listen where they want; undefined: they can.
 * @param name of the one that was there before
 */
export function portConflict(
  tenant: TenantAddress,
  before: TenantAddress,
  name: string,
): string | undefined {
  if (tenant.port === undefined || tenant.port === 0) return undefined;
  if (before.port !== tenant.port || !isSharedHost(before.host, tenant.host)) return undefined;
  const port = `port ${JSON.stringify(tenant.port)}`;
  if (before.host !== tenant.host) return `${port} is taken by ${name} at another host`;
  if ((before.pathPrefix ?? '') !== (tenant.pathPrefix ?? '')) return undefined;
  const shared = sharedNames(before, tenant);
  if (shared === undefined) return `${port} is taken by ${name}`;
  if (shared.length === 0) return undefined;
  return `${port} with the Host name ${JSON.stringify(shared[0])} is taken by ${name}`;
}

/** undefined: both take what no other has; []: they have none in common. */
function sharedNames(one: TenantAddress, other: TenantAddress): unknown[] | undefined {
  const [names, others] = [one.hostNames, other.hostNames];
  if (names === undefined && others === undefined) return undefined;
  if (!Array.isArray(names) || !Array.isArray(others)) return [];
  return names.filter((name) => (others as unknown[]).includes(name)) as unknown[];
}

function isSharedHost(one: unknown, other: unknown): boolean {
  return one === other || one === undefined || other === undefined;
}

function checkRoutes(problems: Problem[], functions: readonly Fields[], tenant: number): void {
  const taken = new Map<string, number>();
  functions.forEach((fn, index) => {
    if (typeof fn.route !== 'string') return;
    // a slash at its end makes no other route
    const route = fn.route.replace(/\/+$/, '') || '/';
    for (const method of methodsOf(fn)) {
      const entry = `${String(method)} ${route}`;
      const before = taken.get(entry);
      if (before !== undefined) {
        const message = `${entry} is answered by tenants[${tenant}].functions[${before}] already`;
        problems.push(problem(['tenants', tenant, 'functions', index, 'route'], message));
        return;
      }
      taken.set(entry, index);
    }
  });
}

const DEFAULT_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

function methodsOf(fn: Fields): readonly unknown[] {
  return Array.isArray(fn.methods) ? (fn.methods as unknown[]) : DEFAULT_METHODS;
}
