import type { ControlEvent, FunctionVersion, LiveFunction } from '../functions/live-function';
import type { LiveTenant, TenantSettings } from '../functions/live-tenant';
import type { Arm, RollbackRule } from '../functions/traffic-split';

export interface ArmReport {
  version: number;
  weight: number;
  /** Since the split began: what has ended, and of that what went wrong or came late. */
  requests: number;
  errors: number;
  misses: number;
}

export interface SplitReport {
  versions: ArmReport[];
  rollback?: RollbackRule;
}

export interface FunctionSummary {
  tenant: string;
  name: string;
  /** Where the version that serves comes from. */
  source: 'config' | 'deployed';
  state: 'serving' | 'failed';
  /** Why nothing serves. */
  failure?: string;
  /** The version that serves; null: none. */
  version: number | null;
  hash?: string;
  route?: string;
  requestType?: number;
  split: SplitReport | null;
}

export interface VersionReport {
  version: number;
  hash: string;
  source: 'config' | 'deployed';
  at: string;
  settings: Record<string, unknown>;
}

export interface FunctionReport extends FunctionSummary {
  /** What `rollback` would bring back; null: nothing. */
  before: number | null;
  versions: VersionReport[];
  events: ControlEvent[];
}

export interface TenantReport {
  name: string;
  source: 'config' | 'deployed';
  port?: number;
  host?: string;
  settings: TenantSettings;
  functions: number;
  /** Where it is served. */
  listeners: { transport: string; url: string }[];
}

export function functionSummary(fn: LiveFunction): FunctionSummary {
  const { tenant, name, serving, failure } = fn;
  const { route, requestType } = serving?.config ?? {};
  return {
    tenant,
    name,
    source: sourceOf(serving?.version ?? 1),
    state: serving === undefined ? 'failed' : 'serving',
    ...(failure === undefined ? {} : { failure }),
    version: serving?.version ?? null,
    ...(serving === undefined ? {} : { hash: serving.hash }),
    ...(route === undefined ? {} : { route }),
    ...(requestType === undefined ? {} : { requestType }),
    split: splitReport(fn),
  };
}

export function functionReport(fn: LiveFunction): FunctionReport {
  const { current, previous, target } = fn;
  const before = (target.split === undefined ? previous.at(-1) : current) ?? null;
  const versions = [...fn.versions.values()].map(versionReport);
  return { ...functionSummary(fn), before, versions, events: [...fn.events] };
}

function versionReport({ version, hash, at, settings }: FunctionVersion): VersionReport {
  const source = sourceOf(version);
  return { version, hash, source, at, settings: settings as Record<string, unknown> };
}

function sourceOf(version: number): 'config' | 'deployed' {
  return version === 0 ? 'config' : 'deployed';
}

function splitReport({ target }: LiveFunction): SplitReport | null {
  if (target.split === undefined) return null;
  const { stable, trial, rule } = target.split;
  const arm = ({ version, weight, requests, errors, misses }: Arm): ArmReport => ({
    version,
    weight,
    requests,
    errors,
    misses,
  });
  const versions = [arm(stable), arm(trial)];
  return rule === undefined ? { versions } : { versions, rollback: rule };
}

export function tenantReport(
  tenant: LiveTenant,
  listeners: readonly { transport: string; tenant: string; url: string }[],
): TenantReport {
  const { name, source, settings, functions } = tenant;
  const { port, host } = settings;
  const own = listeners.filter((one) => one.tenant === name);
  return {
    name,
    source,
    ...(port === undefined ? {} : { port }),
    ...(host === undefined ? {} : { host }),
    settings,
    functions: functions.size,
    listeners: own.map(({ transport, url }) => ({ transport, url })),
  };
}
