import path from 'node:path';
import { z } from 'zod';
import { describeIssues, pathText, valueAt } from './describe-issues';
import type { Problem } from './describe-issues';

/** What each sandbox has unless a route wants more. */
const ARENA_STACK_BYTES = 262_144;
const STACK_BYTES_MIN = 65_536;
const STACK_BYTES_MAX = 67_108_864;
const MAX_U32 = 4_294_967_295;
const uint = (least: number, most = MAX_U32) => z.int().min(least).max(most);
const text = z.string().min(1).max(4096);

const routeSchema = z.strictObject({
  route: text,
  path: text,
  'request-type': uint(1, 65_535).optional(),
  'n-resas': uint(0).optional(),
  'group-id': uint(0, 1023).optional(),
  'admissions-percentile': uint(0, 100).optional(),
  'expected-execution-us': uint(0, 3_600_000_000).optional(),
  'relative-deadline-us': uint(0, 3_600_000_000).optional(),
  'http-resp-content-type': text.optional(),
  'stack-size': uint(0, STACK_BYTES_MAX).optional(),
  path_preprocess: text.optional(),
  'model-bias': z.int().optional(),
  'model-scale': z.int().optional(),
  'model-num-of-param': z.int().optional(),
  'model-beta1': z.int().optional(),
  'model-beta2': z.int().optional(),
});

const tenantSchema = z.strictObject({
  name: text,
  port: uint(0, 65_535),
  'replenishment-period-us': uint(0, 3_600_000_000).optional(),
  'max-budget-us': uint(0, 3_600_000_000).optional(),
  'reservation-percentile': uint(0, 100).optional(),
  'route-replicas': uint(0).optional(),
  routes: z.array(routeSchema).min(1).max(20_000),
});

const specSchema = z.array(tenantSchema).min(1).max(1024);

type SpecTenant = z.output<typeof tenantSchema>;
type SpecRoute = z.output<typeof routeSchema>;

/** The shortest period of a budget. */
const PERIOD_US_MIN = 1000;

/** Keys that are read and checked, and have no meaning here. */
const WITHOUT_MEANING: Readonly<Record<string, string>> = {
  'reservation-percentile': 'SLEdge itself refuses it',
  'route-replicas': 'write the routes out instead',
  'n-resas': 'reservations need the dispatcher darc',
  path_preprocess: 'there is no preprocessing of requests',
  'model-bias': 'there is no regression of execution times',
  'model-scale': 'there is no regression of execution times',
  'model-num-of-param': 'there is no regression of execution times',
  'model-beta1': 'there is no regression of execution times',
  'model-beta2': 'there is no regression of execution times',
};

/** Our key for each of SLEdge's, to say in SLEdge's words where something is wrong. */
const SPEC_KEYS: Readonly<Record<string, string>> = {
  functions: 'routes',
  requestType: 'request-type',
  group: 'group-id',
  expectedExecutionUs: 'expected-execution-us',
  relativeDeadlineUs: 'relative-deadline-us',
  responseContentType: 'http-resp-content-type',
};

export type SpecResult =
  | { problems: Problem[] }
  | {
      tenants: object[];
      /** Workers reserved for each group by number; undefined: the spec reserves none. */
      reserved: number[] | undefined;
      /** Keys beside `tenants` that follow from the routes. */
      more: { estimator?: unknown; arena?: { stackBytes: number } };
      warnings: string[];
      problems?: undefined;
    };

/**
 * A SLEdge or SLEdgeScale spec (a list of tenants) as `tenants` of our configuration.
 * @param reserves the dispatcher reserves workers
 */
export function convertSpec(data: readonly unknown[], reserves: boolean): SpecResult {
  const result = specSchema.safeParse(data);
  if (!result.success) return { problems: describeIssues(result.error.issues, data, specSchema) };
  const warnings = result.data
    .flatMap((tenant, index) => warningsOf(tenant, [index]))
    .filter((warning) => !reserves || !warning.includes('.n-resas '));
  const routes = result.data.flatMap((tenant) => tenant.routes);
  const percentiles = new Set(routes.flatMap((route) => route['admissions-percentile'] || []));
  if (percentiles.size > 1) {
    warnings.push('admissions-percentile differs between routes: the highest holds for all.');
  }
  const tenants = result.data.map(convertTenant);
  return {
    tenants,
    reserved: reservedWorkers(routes),
    more: moreOf(routes, percentiles),
    warnings,
  };
}

function moreOf(routes: readonly SpecRoute[], percentiles: ReadonlySet<number>) {
  const stackBytes = Math.max(...routes.map((route) => route['stack-size'] ?? 0));
  const percentile = Math.max(...percentiles);
  return {
    ...(percentiles.size > 0 && { estimator: ['percentile', { percentile }] }),
    ...(stackBytes > ARENA_STACK_BYTES && { arena: { stackBytes } }),
  };
}

/** As its pages are: rounded up. undefined: what all have. */
function stackLimitOf(bytes = 0): { stackBytes: number } | undefined {
  return bytes === 0 ? undefined : { stackBytes: Math.max(STACK_BYTES_MIN, bytes) };
}

/** `tenants[0].functions[1].path` of ours as `[0].routes[1].path` of the spec. */
export function specKeys(keys: readonly PropertyKey[]): PropertyKey[] {
  if (keys[0] !== 'tenants') return [...keys];
  return keys.slice(1).map((key) => (typeof key === 'string' ? (SPEC_KEYS[key] ?? key) : key));
}

/** All routes of a group say the same; the last one counts. */
function reservedWorkers(routes: readonly SpecRoute[]): number[] | undefined {
  const reserved: number[] = [];
  for (const route of routes) {
    const count = route['n-resas'];
    if (count !== undefined) reserved[route['group-id'] ?? 0] = count;
  }
  return reserved.length === 0 ? undefined : Array.from(reserved, (count) => count ?? 0);
}

function convertTenant(tenant: SpecTenant): object {
  const names = new Set<string>();
  const functions = tenant.routes.map((route) => convertRoute(route, names));
  return { name: tenant.name, port: tenant.port, budget: budgetOf(tenant), functions };
}

/** A period that is too short for us becomes several of them: the share is the same. */
function budgetOf(tenant: SpecTenant): object | undefined {
  const timeUs = tenant['max-budget-us'] ?? 0;
  const periodUs = tenant['replenishment-period-us'] ?? 0;
  if (timeUs === 0 || periodUs === 0) return undefined;
  const times = Math.ceil(PERIOD_US_MIN / periodUs);
  return { timeUs: timeUs * times, periodUs: periodUs * times };
}

function convertRoute(route: SpecRoute, names: Set<string>): object {
  const positive = (value: number | undefined) => (value === 0 ? undefined : value);
  return {
    name: freeName(route.path, names),
    path: route.path.replace(/\.wasm\.so$/, '.wasm'),
    route: route.route.startsWith('/') ? route.route : `/${route.route}`,
    requestType: route['request-type'],
    group: route['group-id'],
    expectedExecutionUs: positive(route['expected-execution-us']),
    relativeDeadlineUs: positive(route['relative-deadline-us']),
    responseContentType: route['http-resp-content-type'],
    limits: stackLimitOf(route['stack-size']),
  };
}

/** The file's name; the second route of the same file is `fibonacci-2`. */
function freeName(file: string, names: Set<string>): string {
  const stem = path.basename(file).replace(/(\.wasm)?(\.so)?$/, '');
  const base = stem.replace(/[^A-Za-z0-9._-]/g, '-').replace(/^[^A-Za-z0-9]+/, '') || 'function';
  let name = base.slice(0, 56);
  for (let copy = 2; names.has(name); copy += 1) name = `${base.slice(0, 56)}-${copy}`;
  names.add(name);
  return name;
}

function warningsOf(tenant: SpecTenant, keys: readonly PropertyKey[]): string[] {
  const own = ignoredKeys(tenant, keys);
  const ofRoutes = tenant.routes.flatMap((route, index) =>
    ignoredKeys(route, [...keys, 'routes', index]),
  );
  return [...own, ...halfABudget(tenant, keys), ...ofRoutes];
}

const BUDGET_KEYS = ['max-budget-us', 'replenishment-period-us'] as const;

function halfABudget(tenant: SpecTenant, keys: readonly PropertyKey[]): string[] {
  const given = BUDGET_KEYS.filter((key) => Boolean(tenant[key]));
  if (given.length !== 1) return [];
  const reason = `a budget needs both ${BUDGET_KEYS.join(' and ')}`;
  return [`${pathText([...keys, ...given])} has no effect: ${reason}.`];
}

function ignoredKeys(value: object, keys: readonly PropertyKey[]): string[] {
  return Object.entries(WITHOUT_MEANING)
    .filter(([key]) => Boolean(valueAt(value, [key])))
    .map(([key, reason]) => `${pathText([...keys, key])} has no effect: ${reason}.`);
}
